const SWATCHES = [
  { tint: "moss", name: "Moss" },
  { tint: "amber", name: "Amber" },
  { tint: "sky", name: "Sky" },
  { tint: "plum", name: "Plum" },
];

export function Design() {
  return (
    <div className="board">
      <figure className="frame wide" data-anchor="frame-home">
        <div className="drawing">
          <span className="bar" />
          <span className="bar short" />
          <span className="block sky" />
        </div>
        <figcaption>Home</figcaption>
      </figure>
      <figure className="frame" data-anchor="frame-profile">
        <div className="drawing">
          <span className="block round amber" />
          <span className="bar" />
          <span className="bar short" />
        </div>
        <figcaption>Profile</figcaption>
      </figure>
      <figure className="frame" data-anchor="frame-list">
        <div className="drawing">
          <span className="bar short" />
          <span className="bar" />
          <span className="bar" />
        </div>
        <figcaption>List</figcaption>
      </figure>
      <ul className="swatches" aria-label="Colours">
        {SWATCHES.map(({ tint, name }) => (
          <li key={tint} className={tint} data-anchor={`swatch-${tint}`}>
            {name}
          </li>
        ))}
      </ul>
    </div>
  );
}
