"use strict";
(() => {
  const table = document.getElementById("items");
  const [first, later] = table.tBodies;
  const [atOnce, all] = [first.rows.length, first.rows.length + later.rows.length];
  let rows = [...first.rows, ...later.rows];
  const find = document.getElementById("find");
  const outcome = document.getElementById("outcome");
  const shown = document.getElementById("shown");
  const more = document.getElementById("more");

  const showAll = () => {
    later.classList.remove("later");
    more.hidden = true;
  };

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.said ??= row.textContent.toLowerCase();
      const fits = (!outcome.value || row.dataset.o === outcome.value) && words.every((word) => row.said.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = count === all ? "" : `${count} of ${all} match`;
    showAll();
  };

  const value = (row, column, numeric) => {
    const cell = row.cells[column];
    return numeric ? Number(cell.dataset.v ?? Number.MAX_VALUE) : cell.textContent;
  };

  const sort = (head, column) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const numeric = head.dataset.n === "1";
    const order = numeric ? (a, b) => a - b : new Intl.Collator("en", { numeric: true }).compare;
    const keyed = rows.map((row) => [value(row, column, numeric), row]);
    keyed.sort((a, b) => (up ? 1 : -1) * order(a[0], b[0]));
    rows = keyed.map((pair) => pair[1]);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    first.append(...rows.slice(0, atOnce));
    later.append(...rows.slice(atOnce));
  };

  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head, column));
    head.replaceChildren(button);
  });
  find.addEventListener("input", filter);
  outcome.addEventListener("change", filter);
  more.addEventListener("click", showAll);
  more.textContent = `show all ${all}`;
  more.hidden = later.rows.length === 0;
  document.getElementById("tools").hidden = false;
})();
