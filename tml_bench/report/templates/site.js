"use strict";
// Pages are complete without this; it only lets a reader sort the rows of tables and filter the board.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead tr:last-child th")];
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    // A link in the head stays one: what names the measure becomes the button.
    const name = head.querySelector(".sorts") || head;
    button.append(...name.childNodes);
    name.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((h) => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[i];
        return "v" in cell.dataset ? Number(cell.dataset.v || "NaN") : cell.textContent.trim();
      };
      const order = (a, b) => {
        const x = value(a), y = value(b);
        if (typeof x === "string" || typeof y === "string") {
          return (down ? -1 : 1) * String(x).localeCompare(String(y));
        }
        // Rows without a value stay at the end, whichever way the rest is sorted.
        if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
        return (down ? -1 : 1) * (x - y);
      };
      for (const body of table.tBodies) {
        body.append(...[...body.rows].filter((row) => !row.classList.contains("band")).sort(order));
      }
    });
  });
}
for (const form of document.querySelectorAll("form.filters")) {
  const fold = form.closest("details");
  fold.hidden = false;
  // A small screen begins with the board.
  fold.open = matchMedia("(min-width: 46.01rem)").matches;
  const apply = () => {
    const wanted = new FormData(form);
    const kinds = wanted.getAll("kind"), since = wanted.get("since");
    const model = wanted.get("model").trim().toLowerCase();
    let shown = 0, all = 0;
    for (const part of document.querySelectorAll("section.part")) {
      const fits = ["clock", "compute", "network"].every(
        (name) => !wanted.get(name) || part.dataset[name] === wanted.get(name),
      );
      part.hidden = !fits;
      for (const body of part.querySelectorAll("tbody")) {
        body.hidden = !kinds.includes(body.dataset.kind);
        for (const row of body.querySelectorAll("tr:not(.band)")) {
          const cells = [...row.querySelectorAll("td.score")];
          for (const cell of cells) {
            cell.classList.toggle("old", Boolean(since) && !(cell.dataset.date >= since));
          }
          row.hidden = !row.dataset.model.toLowerCase().includes(model) || cells.every((c) => c.classList.contains("old"));
          all += 1;
          shown += Number(fits && !body.hidden && !row.hidden);
        }
      }
    }
    form.querySelector("output").textContent = shown === all ? "" : `${shown} of ${all} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
