"use strict";
// Tables are complete without this; it only lets a reader sort the rows of a table body.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead tr:last-child th")];
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
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
      for (const body of table.tBodies) body.append(...[...body.rows].sort(order));
    });
  });
}
