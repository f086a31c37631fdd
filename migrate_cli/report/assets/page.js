"use strict";
// Cuts long tables and lists into pages, opens what a link leads to, shows all of it on paper, and sorts and filters
// the table of threads. Without scripts the page is complete: long tables then scroll in a box of their own.
(() => {
  const ROWS = 100;
  const FOLDS = 20;
  const count = (number) => number.toLocaleString("en");
  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };

  // Everything that is cut into pages.
  const cut = [];

  // Shows a part of many elements under a bar that leads to the others; `show` says which are wanted.
  const paged = (place, holder, all, size, noun) => {
    let wanted = all;
    let page = 0;
    const bar = document.createElement("nav");
    bar.className = "pager";
    bar.setAttribute("aria-label", `Pages of ${noun}`);
    const said = document.createElement("output");
    said.setAttribute("aria-live", "polite");
    const go = (to) => {
      page = Math.max(0, Math.min(to, Math.ceil(wanted.length / size) - 1));
      draw();
    };
    const first = button("First", () => go(0));
    const back = button("Back", () => go(page - 1));
    const on = button("Next", () => go(page + 1));
    const last = button("Last", () => go(Infinity));
    bar.append(first, back, said, on, last);
    const draw = () => {
      const start = page * size;
      const end = Math.min(wanted.length, start + size);
      holder.replaceChildren(...wanted.slice(start, end));
      said.textContent = `${count(wanted.length && start + 1)} to ${count(end)} of ${count(wanted.length)}`;
      first.disabled = back.disabled = page === 0;
      on.disabled = last.disabled = end >= wanted.length;
      bar.hidden = wanted.length <= size;
    };
    if (all.length > size) place.after(bar);
    place.classList.remove("tall");
    draw();
    const pages = {
      draw,
      show: (found) => { wanted = found; go(0); },
      goTo: (element) => { if (wanted.includes(element)) go(Math.floor(wanted.indexOf(element) / size)); },
      showAll: () => { holder.replaceChildren(...wanted); bar.hidden = true; },
    };
    cut.push(pages);
    return pages;
  };

  const table = document.getElementById("threads");
  const threads = table ? Array.from(table.tBodies[0].rows) : [];
  const pages = new Map();
  for (const one of document.querySelectorAll(".scroll > table")) {
    const body = one.tBodies[0];
    if (body.rows.length > ROWS || one === table) {
      const rows = one === table ? threads : Array.from(body.rows);
      pages.set(one, paged(one.parentNode, body, rows, ROWS, one === table ? "threads" : "rows"));
    }
  }
  const named = new Map();
  for (const list of document.querySelectorAll(".folds")) {
    const folds = Array.from(list.children);
    for (const fold of folds) named.set(fold.querySelector("[id]")?.id, fold);
    if (folds.length > FOLDS) paged(list, list, folds, FOLDS, "cases");
  }

  // A link may lead to a fold that is closed, or on another page.
  const follow = () => {
    const fold = named.get(location.hash.slice(1));
    if (!fold) return;
    for (const pages of cut) pages.goTo(fold);
    fold.open = true;
    fold.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  addEventListener("click", (event) => { if (event.target.closest('a[href^="#"]')) setTimeout(follow); });
  follow();

  // On paper nobody can turn pages or open folds.
  let closed = [];
  addEventListener("beforeprint", () => {
    for (const pages of cut) pages.showAll();
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closed) fold.open = false;
    for (const pages of cut) pages.draw();
  });

  if (!table) return;
  const tools = document.getElementById("thread-tools");
  const words = document.getElementById("thread-words");
  const state = document.getElementById("thread-state");
  const shown = document.getElementById("thread-shown");

  const filter = () => {
    const asked = words.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = threads.filter((row) => {
      const text = row.textContent.toLowerCase();
      return asked.every((word) => text.includes(word)) && (!state.value || row.dataset.state === state.value);
    });
    pages.get(table).show(found);
    shown.textContent = `${count(found.length)} of ${count(threads.length)} thread${threads.length === 1 ? "" : "s"} shown`;
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
    threads.sort((one, two) => {
      const a = value(one, column);
      const b = value(two, column);
      return sign * (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0);
    });
    filter();
  };

  for (const heading of table.tHead.rows[0].cells) heading.replaceChildren(button(heading.textContent, () => sort(heading)));
  words.addEventListener("input", filter);
  state.addEventListener("change", filter);
  tools.hidden = false;
  filter();
})();
