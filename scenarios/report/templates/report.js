/* Makes the page answer: the decision model of scenarios/advice/model.py for the question in the form, sorting, filtering.
   No library, no network; without this script the page shows the same answer to the question it opens with. */
"use strict";
const report = (() => {
  const $ = (id) => document.getElementById(id);
  const data = $("data") ? JSON.parse($("data").textContent) : { lanes: {} };

  // -- numbers as scenarios/common/units.py writes them

  const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const three = (v) => (v >= 100 ? grouped(v.toFixed(0)) : v >= 10 ? v.toFixed(1) : v.toFixed(2));
  const micros = (v) => (v >= 10000 ? `${three(v / 1000)} ms` : `${three(v)} µs`);
  const percent = (v) => `${three(v * 100)}%`;
  const size = (v) => {
    for (const [unit, factor] of [["MB", 1e6], ["KB", 1e3]])
      if (v >= factor) return `${Number((v / factor).toPrecision(4))} ${unit}`;
    return `${v.toFixed(0)} B`;
  };
  // A number and its unit stay on one line.
  const unbroken = (text) => text.replace(/(\d) (B|KB|MB|µs|ms)\b/g, "$1\u00a0$2");
  const range = (low, high) => {
    const [a, b] = [micros(low), micros(high)];
    return a === b ? a : `${a.slice(-2) === b.slice(-2) ? a.slice(0, -3) : a} to ${b}`;
  };

  // -- the curves of one contender: log-log between measured sizes, nothing outside

  const basis = (one, bytes) => {
    const below = one.sizes.filter((s) => s <= bytes).pop(), above = one.sizes.find((s) => s >= bytes);
    return below === undefined || above === undefined ? null : [below, above];
  };
  const between = (a, b, share) =>
    a === null || b === null ? null
      : a <= 0 || b <= 0 ? a + (b - a) * share
        : Math.exp(Math.log(a) + (Math.log(b) - Math.log(a)) * share);
  const shareOf = ([below, above], bytes) => (below === above ? 0 : Math.log(bytes / below) / Math.log(above / below));
  const at = (one, column, bytes) => {
    const found = basis(one, bytes);
    if (!found) return null;
    const [a, b] = found.map((s) => one[column][one.sizes.indexOf(s)]);
    return found[0] === found[1] ? a : between(a, b, shareOf(found, bytes));
  };

  // -- the model

  const parks = (wait, own, longestWait) => wait === "adaptive" && longestWait > own && own + longestWait > data.looks;
  const figuresOf = (lane, name, bytes, longestWait) => {
    const one = lane.contenders[name], twin = `${name}-block`, own = at(one, "p50_us", bytes);
    const twice = own !== null && parks(one.wait, own, longestWait) && twin in lane.contenders;
    return twice && at(lane.contenders[twin], "p50_us", bytes) !== null ? twin : name;
  };

  function contenderFor(lane, name, q) {
    const one = lane.contenders[name], own = at(one, "p50_us", q.bytes);
    const row = { contender: name, inProcess: one.in_process, figuresOf: name, measured: own !== null, clients: null, told: null };
    if (own === null) return row;
    const pause = Math.max(0, 1e6 / q.rate - q.handler - own), longestWait = Math.max(q.handler, pause);
    const source = figuresOf(lane, name, q.bytes, longestWait);
    const of = lane.contenders[source], get = (column) => at(of, column, q.bytes);
    const ipc = get("p50_us"), mean = get("mean_us"), p99 = get("p99_us");
    row.figuresOf = source;
    row.basis = basis(of, q.bytes);
    row.ipc = { value: ipc, low: get("p50_low"), high: get("p50_high") };
    row.p99 = p99;
    row.p50 = ipc + q.handler;
    row.share = one.in_process ? 0 : ipc / (ipc + q.handler);
    row.most = mean === null ? null : 1e6 / (mean + q.handler); // throughput goes by the mean, unlike the median
    row.clients = row.most === null ? null : Math.ceil(Number((q.rate / row.most).toFixed(9)));
    // A contender that spins also burns the time it waits, and so does one that is adaptive and does not park.
    const looks = of.wait === "spin" || (of.wait === "adaptive" && !parks(of.wait, own, longestWait));
    const [waits, pauses] = [looks ? q.handler : 0, looks && of.wait === "adaptive" ? pause : 0];
    const least = of.wait === "spin" ? 1 : 0;
    const client = get("client_cpu_us"), server = get("server_cpu_us");
    row.clientCores = client === null ? null : (q.rate * (client + waits)) / 1e6;
    row.serverCores = server === null ? null : Math.max((q.rate * (server + pauses)) / 1e6, least);
    row.cores = row.clientCores === null ? null : row.clientCores + (row.serverCores || 0);
    return row;
  }

  /** Whether a p99 is of all repeats behind it; null where half of them or more have none. */
  function p99Known(lane, row) {
    if (row.p99 === null) return null;
    const of = lane.contenders[row.figuresOf], places = row.basis.map((s) => of.sizes.indexOf(s));
    if (places.some((i) => 2 * of.p99_repeats[i] <= of.repeats[i])) return null;
    return places.every((i) => of.p99_repeats[i] === of.repeats[i]);
  }

  function toldApart(lane, row, best, bytes) {
    if (row === best || !row.measured) return null;
    if (row.figuresOf === best.figuresOf) return false;
    const one = lane.contenders[row.figuresOf], base = lane.contenders[best.figuresOf];
    const ratios = lane.ratios[`${row.figuresOf} ${best.figuresOf}`] || {};
    const [a, b] = [basis(one, bytes), basis(base, bytes)];
    if (String(a) !== String(b)) return null;
    const [below, above] = a.map((s) => ratios[s]);
    if (!below || !above || !below.length || !above.length) return null;
    const share = shareOf(a, bytes);
    const [low, high] = [0, 1].map((end) => (a[0] === a[1] ? below[end] : between(below[end], above[end], share)));
    return !(low <= 1 && 1 <= high);
  }

  /** Every contender for a question {lane, bytes, rate, handler}: as advise() of scenarios/advice/model.py ranks them. */
  function advise(q) {
    const lane = data.lanes[q.lane];
    const rows = Object.keys(lane.contenders).map((name) => contenderFor(lane, name, q));
    const rank = (r) => [r.measured ? 0 : 1, r.clients === 1 ? 0 : 1, r.measured ? r.p50 : Infinity, r.contender];
    const compare = (a, b) => { for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1; return 0; };
    rows.sort((a, b) => compare(rank(a), rank(b)));
    const best = rows.find((r) => r.measured && !r.inProcess) || null;
    if (best) for (const row of rows) row.told = toldApart(lane, row, best, q.bytes);
    return { lane, rows, best };
  }

  function breakEven(lane, name, bytes) {
    const one = lane.contenders[name], times = 19; // 95 parts handler to 5 parts IPC
    const of = lane.contenders[figuresOf(lane, name, bytes, at(one, "p50_us", bytes) * times)];
    const [value, low, high] = ["p50_us", "p50_low", "p50_high"].map((column) => at(of, column, bytes));
    return { value: value * times, low: low === null ? null : low * times, high: high === null ? null : high * times };
  }

  // -- the answer in words: scenarios/report/answer.py says the same to the question a page opens with

  function answer(q) {
    const { lane, rows, best } = advise(q);
    if (!best) {
      const every = Object.values(lane.contenders).flatMap((one) => one.sizes);
      const known = `${size(Math.min(...every))} to ${size(Math.max(...every))}`;
      return { rows, fastest: [], verdict: `Not measured for ${size(q.bytes)}: this run has ${known} in lane ${q.lane}.`, facts: [] };
    }
    const remote = rows.filter((r) => r.measured && !r.inProcess);
    const equal = remote.filter((r) => r === best || (r.told === false && r.clients === best.clients));
    return {
      rows, best, fastest: equal.map((r) => r.contender), verdict: verdict(q, best, equal),
      facts: [["Latency", latency(lane, q, best)], ["CPU", cpu(q, best)], ...lessCpu(rows, best), ["How sure", sure(lane, q, best, remote, equal)],
        ["Break-even", breakEvenWords(lane, q, best)]],
    };
  }

  function verdict(q, best, equal) {
    const values = equal.map((r) => r.ipc.value), low = Math.min(...values), high = Math.max(...values);
    const one = equal.length === 1, same = new Set(equal.map((r) => r.figuresOf)).size === 1;
    const each = `${same ? micros(low) : range(low, high)} a call`;
    if (best.clients !== 1) return `${one ? "is" : "are"} fastest for ${size(q.bytes)}, but ${tooMuch(q, best)}`;
    if (one) return `is fastest for ${size(q.bytes)}: ${each}`;
    return `are fastest for ${size(q.bytes)}, ${same ? "both the same here" : "too close to tell apart"}: ${each}`;
  }

  function tooMuch(q, best) {
    const most = best.most === null ? "fewer" : `at most ${three(best.most)} calls/s`;
    const text = `one client, calling back to back, gets ${most}: ${three(q.rate)} take ${best.clients} such clients`;
    // All that bounds the server for sure is the handler's own time.
    if (Number(((q.rate * q.handler) / 1e6).toFixed(9)) <= 1) return text;
    const limit = three(1e6 / q.handler);
    return `${text}. One server, one call after the other, cannot give them: the handler allows at most ${limit}`;
  }

  /** How many repeats a row's figures rest on: the fewer of its two neighbours'. */
  function repeatsBehind(lane, row) {
    const of = lane.contenders[row.figuresOf];
    return Math.min(...row.basis.map((s) => of.repeats[of.sizes.indexOf(s)]));
  }

  function latency(lane, q, best) {
    const { value, low, high } = best.ipc;
    const sure = (100 * Math.min(data.confidence, 1 - 2 ** (1 - repeatsBehind(lane, best)))).toFixed(0);
    const interval = low === null || high === null ? "" : ` (${sure}% interval ${range(low, high)})`;
    const known = p99Known(lane, best);
    const tail = known === null ? "p99 not measured" : `p99 ${known ? "" : "at least "}${micros(best.p99)}`;
    let text = `median ${micros(value)}${interval}, ${tail}`;
    if (q.handler) text += `; with the handler ${micros(best.p50)}, ${percent(best.share)} of it IPC`;
    if (best.figuresOf !== best.contender) {
      const own = micros(at(lane.contenders[best.contender], "p50_us", q.bytes));
      text += `. Calls this seldom find it asleep, so the figures are those of ${best.figuresOf}`;
      text += `, both sides asleep, the most it takes; back to back a call takes ${own}`;
    }
    return text;
  }

  function cpu(q, best) {
    if (best.cores === null) return "not measured";
    const perCall = 1e6 / q.rate;
    const server = best.serverCores === null ? "" : `, server ${micros(best.serverCores * perCall)}`;
    const both = `${micros(best.cores * perCall)} per call (client ${micros(best.clientCores * perCall)}${server})`;
    return `${both}; ${percent(best.cores)} of a core at ${three(q.rate)} calls/s, handler not included`;
  }

  /** Where the recommended one burns half a core or more: the next that burns at most half of it. */
  function lessCpu(rows, best) {
    if (best.cores === null || best.cores < data.burns) return [];
    const able = rows.filter((r) => r.measured && !r.inProcess && r.clients === best.clients);
    const found = able.find((r) => r.cores !== null && r.cores <= best.cores / 2);
    return found ? [["For less", `${found.contender}: ${micros(found.ipc.value)}, ${percent(found.cores)} of a core`]] : [];
  }

  function sure(lane, q, best, remote, equal) {
    const parts = [];
    if (new Set(equal.map((r) => r.figuresOf)).size > 1)
      parts.push("not sure which of them is fastest: their paired ratios include 1");
    const next = remote.find((r) => !equal.includes(r) && r.clients === best.clients);
    if (next) {
      const slower = `${next.contender}, the next, takes ${three(next.ipc.value / best.ipc.value)}x`;
      const repeats = repeatsBehind(lane, best), few = repeats < data.sure;
      parts.push(next.told === null ? `${slower}, but ${repeats} repeats are too few to be sure`
        : few ? `likely that ${slower}: so in all of only ${repeats} paired repeats`
        : `sure that ${slower}: so in ${repeats} paired repeats`);
    }
    const [below, above] = best.basis;
    if (below !== above) parts.push(`interpolated between ${size(below)} and ${size(above)}`);
    const of = lane.contenders[best.figuresOf], sum = (column) =>
      [...new Set([below, above])].reduce((total, s) => total + of[column][of.sizes.indexOf(s)], 0);
    parts.push(`${sum("noisy")} of ${sum("repeats")} repeats behind this were disturbed by the machine`);
    const text = parts.join("; ");
    return text[0].toUpperCase() + text.slice(1);
  }

  function breakEvenWords(lane, q, best) {
    const { value, low, high } = breakEven(lane, best.contender, q.bytes);
    const interval = low === null || high === null ? "" : ` (${range(low, high)})`;
    return `IPC is under 5% of a call when the handler takes more than ${micros(value)}${interval}`;
  }

  // -- the form

  const UNITS = { payload: { "": 1, b: 1, kb: 1e3, mb: 1e6, k: 1e3, m: 1e6, kib: 1024, mib: 1048576 },
    rate: { "": 1, k: 1e3, m: 1e6 }, handler: { "": 1, us: 1, "µs": 1, "μs": 1, ms: 1e3, s: 1e6 } };

  /** A number with a unit, or null. `zero` says whether 0 is one. */
  function parse(text, units, zero) {
    const found = /^([\d.,]+)\s*([a-zµμ]*)(?:\/s)?$/i.exec(text.trim());
    const factor = found && units[found[2].toLowerCase()];
    const value = found && factor ? Number(found[1].replace(/,/g, "")) * factor : NaN;
    return Number.isFinite(value) && (value > 0 || (zero && value === 0)) ? value : null;
  }

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function swatch([colour, dashes]) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [key, value] of Object.entries({ class: "swatch", viewBox: "0 0 24 10", "aria-hidden": "true" })) svg.setAttribute(key, value);
    for (const [key, value] of Object.entries({ x1: 0, x2: 24, y1: 7, y2: 7, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes })) line.setAttribute(key, value);
    svg.append(line);
    return svg;
  }

  function names(list) {
    return list.flatMap((name, i) => [i === 0 ? "" : i === list.length - 1 ? " and " : ", ", element("b", name)]);
  }

  function show(q) {
    const found = answer(q);
    const verdict = unbroken(found.verdict);
    $("verdict").replaceChildren(...names(found.fastest), found.fastest.length ? ` ${verdict}` : verdict);
    $("facts").replaceChildren(...found.facts.flatMap(([word, text]) => [element("dt", word), element("dd", unbroken(text))]),
      ...$("machine").content.cloneNode(true).children);
    $("rank").replaceChildren(...found.rows.map((row) => rankLine(row, found.best, data.lanes[q.lane])));
  }

  function rankLine(row, best, lane) {
    const line = element("tr", undefined, { class: row.inProcess ? "aside" : !row.measured || row.clients !== 1 ? "no" : "" });
    const name = element("th", undefined, { scope: "row" });
    name.append(swatch(lane.contenders[row.contender].look), row.contender);
    if (row.inProcess) name.append(" ", element("small", "no IPC"));
    line.append(name);
    const cell = (text, best) => line.append(element("td", text, best ? { class: "best" } : {}));
    if (!row.measured) { cell("not measured"); for (let i = 0; i < 5; i++) cell(""); return line; }
    const top = best && !row.inProcess && row.clients === best.clients && (row === best || row.told === false);
    cell(three(row.ipc.value), top);
    cell(row.ipc.low === null ? "–" : `${three(row.ipc.low)} – ${three(row.ipc.high)}`);
    const known = p99Known(lane, row);
    cell(known === null ? "–" : `${known ? "" : "≥ "}${three(row.p99)}`);
    cell(best ? `${three(row.ipc.value / best.ipc.value)}` : "–");
    cell(row.cores === null ? "–" : percent(row.cores));
    cell(row.clients === 1 ? percent(row.share) : `${row.clients} clients`);
    return line;
  }

  function asked() {
    const fields = [["payload", "bytes", false], ["rate", "rate", false], ["handler", "handler", true]];
    const q = { lane: $("lane").value };
    let good = true;
    for (const [id, key, zero] of fields) {
      q[key] = parse($(id).value, UNITS[id], zero);
      $(id).setAttribute("aria-invalid", String(q[key] === null));
      good = good && q[key] !== null;
    }
    return good ? q : null;
  }

  function update() {
    const q = asked();
    if (q) show(q);
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
      curve.classList.toggle("faded", on && curve.dataset.contender !== name);
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
  const form = $("question");
  if (form) {
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    update();
  }
  return { advise, answer, breakEven, parse };
})();
