// Asks for stats.json every few seconds and writes it into the page. Names and hosts come from
// outside: they are only ever set as text, never as markup.
"use strict";

const PERIOD = 3000; // milliseconds between an answer and the next question
const PATIENCE = 5000; // milliseconds an answer may take
const NONE = "–";

// Numbers and times as text; null is "nothing to say".

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat("en", {
  maximumFractionDigits: 0, maximumSignificantDigits: 3, roundingPriority: "morePrecision",
});
const percents = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const or = (format) => (value) => value === null || value === undefined ? NONE : format(value);
const count = or((value) => whole.format(value));
const rate = or((value) => precise.format(value));
const share = or((value) => percents.format(value));
const answerTime = or((seconds) => {
  const [unit, scale] = seconds < 1e-3 ? ["µs", 1e6] : seconds < 1 ? ["ms", 1e3] : ["s", 1];
  return `${precise.format(seconds * scale)} ${unit}`;
});
const duration = or((seconds) => {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const largest = units.findIndex(([, size]) => seconds >= size);
  if (largest < 0) return "0 s";
  let rest = seconds;
  const parts = units.slice(largest, largest + 2).map(([unit, size]) => {
    const amount = Math.floor(rest / size);
    rest %= size;
    return amount ? `${amount} ${unit}` : "";
  });
  return parts.filter(Boolean).join(" ");
});

// Writing into the page. What has not changed is not touched, so that a selection survives.

const byId = (id) => document.getElementById(id);

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function figure(name, text) {
  put(document.querySelector(`[data-figure="${name}"]`), text);
}

function child(parent, name, className) {
  const element = document.createElement(name);
  element.className = className ?? "";
  return parent.appendChild(element);
}

// A table's rows are rewritten in place, so that the focus stays. `columns` are functions that
// write one cell each; the first is the row's heading.
function fill(id, items, columns) {
  const table = byId(id);
  const body = table.tBodies[0];
  const heads = table.tHead.rows[0].cells;
  while (body.rows.length > items.length) body.deleteRow(-1);
  items.forEach((item, index) => {
    const row = body.rows[index] ?? body.insertRow();
    columns.forEach((write, column) => {
      const cell = row.cells[column] ?? child(row, column ? "td" : "th", heads[column].className);
      if (!column) cell.scope = "row";
      write(cell, item);
    });
  });
  const region = table.parentElement;
  region.hidden = items.length === 0;
  region.nextElementSibling?.toggleAttribute("hidden", items.length > 0);
}

const text = (key, format = String) => (cell, item) => put(cell, format(item[key]));
const number = (key) => text(key, count);

function state(element, value) {
  element.dataset.state = value;
  put(element, value);
}

function hash(cell, torrent) {
  const link = cell.firstElementChild ?? child(cell, "a", "hash");
  link.href = `torrents/${encodeURIComponent(torrent.info_hash)}`;
  link.title = torrent.info_hash;
  put(link, torrent.info_hash);
}

// A group's part of all that was handed out, as a number and as a bar.
function portion(handedOut) {
  return (cell, group) => {
    const amount = cell.children[0] ?? child(cell, "span", "amount");
    const bar = cell.children[1] ?? child(cell, "div", "bar");
    const value = handedOut ? group.handed_out_last_hour / handedOut : null;
    put(amount, share(value));
    (bar.firstChild ?? child(bar, "span")).style.width = `${100 * value}%`;
  };
}

// Charts

const CHARTS = [
  { key: "inside_share", title: "Share kept inside", format: share, top: 1 },
  { key: "announces", title: "Announces a second", format: rate },
  { key: "answer_p99", title: "Answer time, 99% within", format: answerTime },
];
const SPANS = [
  { key: "hour", slots: 60, ago: ["1 h ago", "30 min ago", "now"] },
  { key: "day", slots: 96, ago: ["24 h ago", "12 h ago", "now"] },
];
const WIDTH = 320, HEIGHT = 130, LEFT = 52, RIGHT = 8, TOP = 10, BOTTOM = 22;

function draw(name, attributes, content = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

// The smallest of 1, 2, 5, 10, 20, … that is not below the values.
function ceiling(values) {
  const most = Math.max(...values, 0);
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most) ?? most;
}

// The newest value stands at the right edge; times without a value are gaps.
function chart({ title, format, top }, { slots, ago }, { step, values }, time) {
  const known = values.filter((value) => value !== null);
  const highest = top ?? ceiling(known);
  const width = (WIDTH - LEFT - RIGHT) / slots;
  const floor = HEIGHT - BOTTOM;
  const x = (index) => LEFT + (slots - values.length + index + .5) * width;
  const y = (value) => floor - (floor - TOP) * Math.min(value / highest, 1);

  const picture = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  for (const value of [0, highest / 2, highest]) {
    picture.append(
      draw("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      draw("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" },
        [value ? format(value).replace(".0", "") : "0"]),
    );
  }
  ago.forEach((label, index) => picture.append(draw("text", {
    x: [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT][index], y: HEIGHT - 6,
    "text-anchor": ["start", "middle", "end"][index],
  }, [label])));

  if (known.length === 0) picture.append(draw("text", {
    class: "nothing", x: (LEFT + WIDTH - RIGHT) / 2, y: y(highest / 4) + 4, "text-anchor": "middle",
  }, ["nothing yet"]));

  let line = "", area = "", start = 0;
  values.forEach((value, index) => {
    if (value === null) return;
    const begins = index === 0 || values[index - 1] === null;
    const ends = index === values.length - 1 || values[index + 1] === null;
    if (begins) start = index;
    line += `${begins ? "M" : "L"}${x(index)},${y(value)}`;
    area += `${begins ? `M${x(index)},${floor}` : ""}L${x(index)},${y(value)}`;
    if (ends) area += `L${x(index)},${floor}Z`;
    if (ends && start === index) line += "h0"; // a dot, by the round end of the stroke
  });
  picture.append(draw("path", { class: "area", d: area }), draw("path", { class: "line", d: line }));
  values.forEach((value, index) => {
    const from = new Date(1000 * (time - step * (values.length - index)));
    const hint = draw("title", {}, [`${clock.format(from)}: ${format(value)}`]);
    picture.append(draw("rect", {
      class: "slot", x: x(index) - width / 2, y: TOP, width, height: floor - TOP,
    }, [hint]));
  });

  const latest = format(values.at(-1));
  picture.setAttribute("aria-label", known.length === 0 ? `${title}: nothing yet` :
    `${title}: latest ${latest}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}`);
  const framed = document.createElement("figure");
  const caption = child(framed, "figcaption");
  put(child(caption, "span"), title);
  put(child(caption, "span", "latest"), latest);
  framed.append(picture);
  return framed;
}

let drawn = "";
function charts(history, time) {
  const now = JSON.stringify([history, Math.floor(time / 60)]);
  if (now === drawn) return; // drawing once a minute is enough, and leaves what the mouse points at
  drawn = now;
  for (const span of SPANS) {
    const { step, ...series } = history[span.key];
    byId(`charts-${span.key}`).replaceChildren(...CHARTS.map(
      (kind) => chart(kind, span, { step, values: series[kind.key] }, time),
    ));
  }
}

// Announces a second, over the last few answers; a counter that fell was that of another run.
let samples = [];
function announceRate(announces) {
  const now = performance.now();
  if (samples.length && announces < samples.at(-1).announces) samples = [];
  samples = [...samples, { now, announces }].slice(-5);
  const [first] = samples;
  return samples.length < 2 ? null : (announces - first.announces) * 1000 / (now - first.now);
}

function show(stats) {
  const { database, external } = stats;
  document.title = `BTRT ${share(stats.inside_share)} inside`;
  figure("version", stats.version);
  figure("uptime", duration(stats.uptime));
  figure("inside_share", share(stats.inside_share));
  document.querySelector("[data-bar]").style.width = `${100 * stats.inside_share}%`;
  figure("rate", rate(announceRate(stats.announces) ?? stats.history.hour.announces.at(-1)));
  figure("p50", answerTime(stats.answer_seconds.p50));
  figure("p99", answerTime(stats.answer_seconds.p99));
  for (const name of ["announces", "scrapes", "forwarded", "torrents", "peers", "seeders", "leechers", "connections"]) {
    figure(name, count(stats[name]));
  }
  charts(stats.history, stats.time);

  const handedOut = stats.groups.reduce((sum, group) => sum + group.handed_out_last_hour, 0);
  fill("groups", stats.groups, [
    text("name"), portion(handedOut), number("handed_out_last_hour"), number("handed_out"),
    number("peers"), number("priority"), text("inside", (inside) => inside ? "yes" : "no"),
  ]);
  fill("busiest", stats.busiest, [hash, number("seeders"), number("leechers"), number("completed")]);
  fill("neighbors", stats.neighbors, [
    text("name"), (cell, neighbor) => state(cell, neighbor.state),
    number("asked"), number("answered"), number("failed"), number("peers"),
  ]);

  figure("database-kind", database.kind);
  state(document.querySelector("[data-figure=database-state]"), database.state);
  figure("database-rows_written", count(database.rows_written));
  figure("database-rows_refused", count(database.rows_refused));

  const failures = Object.entries(external.failed)
    .map(([reason, times]) => ({ reason, times })).sort((one, other) => other.times - one.times);
  for (const name of ["asked", "answered", "refused", "shared", "declined"]) {
    figure(`external-${name}`, count(external[name]));
  }
  const failed = failures.reduce((sum, { times }) => sum + times, 0);
  const done = external.answered + failed;
  figure("external-failed", count(failed));
  figure("external-mean", answerTime(done ? external.took_seconds / done : null));
  fill("trackers", external.trackers, [
    text("host"), number("asked"), number("answered"), number("refused"), number("failed"),
    text("paused_seconds", (seconds) => seconds ? duration(seconds) : NONE),
  ]);
  const left = external.trackers_known - external.trackers.length;
  figure("trackers-left-out", left > 0 ? `and ${count(left)} more, asked less often` : "");
  fill("failures", failures, [text("reason"), number("times")]);
}

// The daemon either answers, or the page says since when it does not.
let silentSince = null;
let timer;
async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  const contact = byId("contact");
  let stats = null;
  try {
    const answer = await fetch("stats.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) stats = await answer.json();
  } catch {
    // Said below, as is an answer that is none.
  }
  clearTimeout(timer);
  timer = setTimeout(ask, PERIOD);
  contact.classList.toggle("lost", !stats);
  if (stats) {
    silentSince = null;
    put(contact, "live");
    show(stats);
  } else {
    silentSince ??= moment.format(new Date());
    put(contact, `the daemon does not answer, since ${silentSince}`);
    document.title = "BTRT does not answer";
  }
}

async function explain(event) {
  event.preventDefault();
  const words = [...new FormData(event.target)]
    .map(([name, value]) => [name, value.trim()]).filter(([, value]) => value !== "");
  let verdict, answer;
  try {
    const reply = await fetch(`explain?${new URLSearchParams(words)}`, { signal: AbortSignal.timeout(PATIENCE) });
    const body = await reply.text();
    if (reply.ok) answer = JSON.parse(body);
    else verdict = body.trim() || `refused with status ${reply.status}`;
  } catch {
    verdict = "the daemon did not answer";
  }
  byId("verdict").classList.toggle("lost", !answer);
  put(byId("verdict"), verdict ?? `Client of the group “${answer.group}”, priority ` +
    `${count(answer.priority)}; peers: ${count(answer.peers.length)}. ${answer.note ?? ""}`);
  fill("explained", answer?.peers ?? [], [
    (cell, { ip, port }) => put(cell, ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`),
    text("group"), number("priority"), text("origin"),
    text("seeder", (seeder) => seeder ? "seeder" : "leecher"), text("age", duration),
  ]);
}

document.addEventListener("visibilitychange", ask);
byId("explain").addEventListener("submit", explain);
ask();
