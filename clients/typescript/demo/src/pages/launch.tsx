const STEPS = [
  { id: "text", step: "Write the announcement", isDone: true },
  { id: "trial", step: "Try it with three teams", isDone: true },
  { id: "day", step: "Choose the day", isDone: false },
  { id: "tour", step: "Translate the tour", isDone: false },
  { id: "cake", step: "Order the cake", isDone: false },
];

export function Launch() {
  return (
    <ul className="checks">
      {STEPS.map(({ id, step, isDone }) => (
        <li key={id} data-anchor={`step-${id}`} data-done={isDone}>
          <span className="box" aria-hidden="true" />
          {step}
          <span className="unseen">{isDone ? ", done" : ", to do"}</span>
        </li>
      ))}
    </ul>
  );
}
