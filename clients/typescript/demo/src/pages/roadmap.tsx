const LANES = [
  {
    title: "Now",
    cards: [
      { id: "drafts", title: "Offline drafts", tag: "Editor", tint: "moss", due: "March" },
      { id: "search", title: "Faster search", tag: "Search", tint: "amber", due: "March" },
    ],
  },
  {
    title: "Next",
    cards: [
      { id: "guests", title: "Guest access", tag: "Sharing", tint: "sky", due: "May" },
      { id: "templates", title: "Shared templates", tag: "Editor", tint: "moss", due: "May" },
      { id: "mobile", title: "Sheets on phones", tag: "Mobile", tint: "plum", due: "June" },
    ],
  },
  {
    title: "Later",
    cards: [{ id: "mail", title: "Comments by mail", tag: "Sharing", tint: "sky", due: "Autumn" }],
  },
];

export function Roadmap() {
  return (
    <div className="lanes">
      {LANES.map((lane) => (
        <section key={lane.title} aria-label={lane.title}>
          <h2>{lane.title}</h2>
          <ul>
            {lane.cards.map(({ id, title, tag, tint, due }) => (
              <li key={id} className="note" data-anchor={`card-${id}`}>
                <p>{title}</p>
                <p className="meta">
                  <span className={`tag ${tint}`}>{tag}</span>
                  {due}
                </p>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
