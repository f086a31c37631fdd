"use strict";
// Sorts and filters the table of threads. Without scripts the page is complete, only not interactive.
(() => {
  const table = document.getElementById("threads");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const tools = document.getElementById("thread-tools");
  const words = document.getElementById("thread-words");
  const state = document.getElementById("thread-state");
  const shown = document.getElementById("thread-shown");

  const filter = () => {
    const wanted = words.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(wanted.every((word) => text.includes(word)) && (!state.value || row.dataset.state === state.value));
      if (!row.hidden) count += 1;
    }
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} threads shown`;
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };

  const sort = (heading) => {
    const column = heading.cellIndex;
    const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    rows.sort((one, two) => {
      const a = value(one, column);
      const b = value(two, column);
      return sign * (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0);
    });
    body.append(...rows);
  };

  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(heading));
    heading.replaceChildren(button);
  }
  words.addEventListener("input", filter);
  state.addEventListener("change", filter);
  tools.hidden = false;
  filter();
})();
