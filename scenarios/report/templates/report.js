/* Makes the page answer: shows the answer to the question chosen, sorts and filters tables, brings curves forward.
   No library, no network, and no figure of its own: all answers are in the page. */
"use strict";
{
  const form = document.getElementById("question"), shown = document.getElementById("answer");

  function show() {
    const asked = ["lane", "payload", "rate", "handler"].map((id) => document.getElementById(id).value).join("-");
    const found = document.getElementById(asked);
    if (found) shown.replaceChildren(found.content.cloneNode(true));
    else shown.textContent = "Not measured in this lane.";
  }

  // -- tables

  /** Sort by a column: numbers by size, words by letter, what does not exist last both ways. */
  function sort(button) {
    const head = button.closest("th"), table = head.closest("table"), place = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of table.tHead.querySelectorAll("th[aria-sort]")) each.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[place].dataset.v ?? row.cells[place].textContent.trim();
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const numbers = !isNaN(x) && !isNaN(y);
      return (numbers ? x - y : x.localeCompare(y)) * (down ? -1 : 1);
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(order));
  }

  function filter(select) {
    for (const row of document.getElementById(select.dataset.table).tBodies[0].rows)
      row.hidden = select.value !== "" && row.dataset.group !== select.value;
  }

  /** Fade all curves but one contender's, in every percentile plot. */
  function highlight(button) {
    const on = button.getAttribute("aria-pressed") !== "true", name = button.dataset.contender;
    for (const each of document.querySelectorAll(".legend button"))
      each.setAttribute("aria-pressed", String(on && each.dataset.contender === name));
    for (const curve of document.querySelectorAll(".percentiles [data-contender]"))
{
      curve.classList.toggle("faded", on && curve.dataset.contender !== name);
      curve.classList.toggle("chosen", on && curve.dataset.contender === name);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.closest("thead")) sort(button);
    else if (button.closest(".legend")) highlight(button);
  });
  for (const select of document.querySelectorAll("select[data-table]")) {
    select.addEventListener("change", () => filter(select));
    filter(select);
  }
  if (form) {
    form.addEventListener("change", show);
    form.addEventListener("submit", (event) => event.preventDefault());
  }
}
