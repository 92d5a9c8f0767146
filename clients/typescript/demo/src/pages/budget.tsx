const ROWS = [
  { id: "hosting", item: "Hosting", planned: 4_800, spent: 3_912 },
  { id: "research", item: "Research", planned: 9_000, spent: 6_250 },
  { id: "type", item: "Type licence", planned: 1_200, spent: 1_200 },
  { id: "travel", item: "Travel", planned: 3_500, spent: 840 },
  { id: "launch", item: "Launch day", planned: 2_000, spent: 0 },
];

const sum = (column: "planned" | "spent") => ROWS.reduce((total, row) => total + row[column], 0);
const figure = (amount: number) => amount.toLocaleString("en");

export function Budget() {
  return (
    <table>
      <thead>
        <tr data-anchor="row-head">
          <th scope="col">Item</th>
          <th scope="col">Planned</th>
          <th scope="col">Spent</th>
        </tr>
      </thead>
      <tbody>
        {ROWS.map(({ id, item, planned, spent }) => (
          <tr key={id} data-anchor={`row-${id}`}>
            <th scope="row">{item}</th>
            <td>{figure(planned)}</td>
            <td>{figure(spent)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr data-anchor="row-total">
          <th scope="row">Total</th>
          <td>{figure(sum("planned"))}</td>
          <td>{figure(sum("spent"))}</td>
        </tr>
      </tfoot>
    </table>
  );
}
