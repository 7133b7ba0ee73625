// Asks Python what is on the page, and draws lines over its figures. No number is computed here,
// apart from the position of a slider or a line and back.
"use strict";
const $ = (id) => document.getElementById(id);
const value = (id) => ($(id) ? $(id).value.trim() : "");
const digits = (number) => {
  const rounded = Number(Number(number).toPrecision(3));
  return rounded && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
};
const KEYS = { delta: "threshold", performance: "target", collect: "plan" };
const known = {}; // the last answer of each section
const axes = {}; // of each figure
const NARROW = matchMedia("(max-width: 40rem)");
const widthNow = () => (NARROW.matches ? "narrow" : "wide");

async function fetched(path, values) {
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams(values)}`);
  } catch (error) {
    say("gone", "The server has ended, and nothing on this page can change any more. Start it again as before" +
      (document.body.dataset.path ? `: sufficiency explore ${document.body.dataset.path}` : ", with explore()."));
    throw error;
  }
  say("gone", "");
  return response.json();
}

function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
  $(id).hidden = !text;
}

// One question of a kind at a time; of those that come meanwhile, the last is asked.
function latest(ask) {
  let busy = false, again = false;
  return async function run() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      do { again = false; await ask(); } while (again);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the server is gone, and the page says so
    } finally { busy = false; }
  };
}

const basis = () => ({ confidence: value("confidence"), family: value("family"), prior: value("prior") });
const asked = {
  delta: () => ({ threshold: value("threshold"), relative: value("relative"), growth: value("growth"), ...basis() }),
  performance: () => ({ target: value("target"), quantity: value("kind"), ...basis() }),
  collect: () => {
    const more = { width: widthNow() };
    for (const id of ["rounds", "risk", "limit", "cost_per_sample", "cost_of_missing"]) more[id] = value(id);
    if (value("quantity") === "target") return { target: value("target"), quantity: value("kind"), ...basis(), ...more };
    return { target: value("threshold"), relative: value("relative"), quantity: "delta", ...basis(), ...more };
  },
};

function asking(section) {
  return latest(async () => {
    const values = asked[section](), begun = performance.now(), box = $(`${section}-answer`);
    const answer = await fetched(KEYS[section], values);
    say(`${section}-problem`, answer.error || "");
    box.classList.toggle("waiting", Boolean(answer.error));
    if (answer.error) { delete box.dataset.asked; return; }
    known[section] = answer;
    if (box.innerHTML !== answer.html) box.innerHTML = answer.html;
    box.classList.remove("enough", "more", "unknown");
    if (answer.decision) box.classList.add(answer.decision);
    $(`${section}-python`).textContent = answer.python;
    $(`${section}-command`).textContent = answer.command;
    $(`${section}-shell`).hidden = !answer.command;
    if (section === "delta") followed(answer);
    if (section !== "collect") lines(section);
    box.dataset.asked = String(new URLSearchParams(values));
    performance.measure(`answer-${section}`, { start: begun, end: performance.now() });
  });
}
const ask = { delta: asking("delta"), performance: asking("performance"), collect: asking("collect") };

function followed(answer) {
  const slide = $("threshold-slide");
  if (document.activeElement !== slide) slide.value = Math.log10(answer.value);
  slide.setAttribute("aria-valuetext", `Δ ${digits(answer.value)}`);
  $("curve").textContent = answer.curve;
  const query = `?${new URLSearchParams({ ...asked.delta(), ...ofTarget() })}`;
  for (const link of document.querySelectorAll("[data-save]")) link.href = link.dataset.save + query;
  $("report-link").href = `report.html${query}`;
}

function ofTarget() {
  return known.performance && $("kind").dataset.touched ? { [`${value("kind")}_target`]: value("target") } : {};
}

// Figures come without lines for the question; these are drawn over them.
const FIGURES = { delta: "delta", performance: "learning" };
let reach = 0;
function drawing(section) {
  return latest(async () => {
    if (!$(`${section}-figure`)) return;
    const width = widthNow();
    const values = { name: FIGURES[section], width, repeats: $("repeats").checked ? "1" : "", reach, ...basis() };
    const answer = await fetched("figure", values);
    if (answer.error) { $(`${section}-figure`).textContent = answer.error; return; }
    $(`${section}-figure`).innerHTML = answer.html;
    axes[section] = answer.axes;
    lines(section);
  });
}
const draw = { delta: drawing("delta"), performance: drawing("performance") };

const share = (number, [low, high], log) =>
  log ? Math.log(number / low) / Math.log(high / low) : (number - low) / (high - low);
const clamped = (part) => Math.min(1, Math.max(0, part));

function lines(section) {
  const answer = known[section];
  if (!answer || !axes[section]) return;
  $(`${section}-figure`).querySelectorAll(".wide, .narrow").forEach((place, i) => {
    place.querySelector(".over")?.remove();
    const ofLoss = section === "delta" || value("kind") === "loss";
    const ax = axes[section][i][ofLoss ? 0 : axes[section][i].length - 1];
    const svg = element("svg", { class: "over", "aria-hidden": "true", viewBox: place.querySelector("svg").getAttribute("viewBox") });
    const x = (size) => ax.left + clamped(share(size, ax.sizes, true)) * (ax.right - ax.left);
    if (answer.size !== null && answer.low !== null) {
      const right = answer.high === null ? ax.right : x(answer.high);
      svg.append(element("rect", { class: "between", x: x(answer.low), y: ax.top, width: Math.max(0, right - x(answer.low)), height: ax.bottom - ax.top }));
    }
    if (answer.size !== null) {
      const at = x(answer.size), right = at < (ax.left + 2 * ax.right) / 3;
      const beyond = answer.size > ax.sizes[1] ? " →" : "";
      svg.append(element("line", { class: "at-size", x1: at, x2: at, y1: ax.top, y2: ax.bottom }));
      svg.append(label("of-size", at + (right ? 4 : -4), ax.top + 10, right, `${answer.size.toLocaleString("en")} samples${beyond}`));
    }
    if (section !== "delta" || !value("growth")) {
      const part = share(answer.value, ax.values, ax.log), y = ax.bottom - clamped(part) * (ax.bottom - ax.top);
      const beyond = part > 1 ? " ↑" : part < 0 ? " ↓" : "";
      svg.append(element("line", { class: "at-threshold", x1: ax.left, x2: ax.right, y1: y, y2: y }));
      const text = `${section === "delta" ? "threshold" : "target"} ${digits(answer.value)}${beyond}`;
      svg.append(label("of-threshold", ax.left + 4, y > ax.bottom - 14 ? y - 4 : y + 11, true, text));
      const grip = element("line", { class: "grip", x1: ax.left, x2: ax.right, y1: y, y2: y });
      grip.addEventListener("pointerdown", (event) => dragged(event, section, svg, ax));
      svg.append(grip);
    }
    place.append(svg);
  });
  if (section === "delta") further(answer.size);
}

function label(kind, x, y, right, text) {
  const it = element("text", { class: kind, x, y, "text-anchor": right ? "start" : "end" });
  it.textContent = text;
  return it;
}

function element(tag, attributes) {
  const it = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, text] of Object.entries(attributes)) it.setAttribute(name, text);
  return it;
}

// A curve that reaches the answer, drawn again once the threshold rests.
let resting = 0;
function further(size) {
  const last = axes.delta[0][0].sizes[1];
  if (size === null || size < last) return;
  const wanted = 2 ** Math.ceil(Math.log2(1.3 * size));
  if (wanted <= reach || dragging) return;
  clearTimeout(resting);
  resting = setTimeout(() => { reach = wanted; draw.delta(); }, 400);
}

let dragging = false;
function dragged(event, section, svg, ax) {
  event.preventDefault();
  dragging = true;
  const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.height / box.height;
  const move = (moved) => {
    const y = (moved.clientY - box.top) * scale;
    const part = clamped((ax.bottom - y) / (ax.bottom - ax.top)), [low, high] = ax.values;
    const at = ax.log ? low * (high / low) ** part : low + part * (high - low);
    if (section === "delta") setDelta(at); else setTarget(at);
  };
  const end = () => {
    dragging = false;
    removeEventListener("pointermove", move);
    lines(section);
    rested();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end, { once: true });
  addEventListener("pointercancel", end, { once: true });
}

// The typed field holds what is asked. A share of the loss moves with the root of Δ (order 2).
function setDelta(delta) {
  const last = known.delta;
  let typed = digits(delta);
  if (value("relative") && last?.relative_change) {
    typed = digits(last.relative_change * (delta / last.value) ** (1 / last.order));
  }
  $("threshold").value = typed;
  ask.delta();
}

function setTarget(target) {
  $("target").value = digits(target);
  $("target-slide").value = target;
  $("kind").dataset.touched = "1";
  ask.performance();
}

// What takes longer follows when the question rests.
let settled = 0;
function rested() {
  clearTimeout(settled);
  settled = setTimeout(() => { refresh("collect"); refresh("slices"); }, 350);
}

// And it is asked for when it comes into view.
const late = {
  collect: ask.collect,
  slices: () => part("slices", asked.delta()),
  samples: () => part("samples", {}),
  cells: () => part("cells", {}),
};
const seen = new Set(), stale = new Set();
function refresh(id) {
  if (seen.has(id)) late[id](); else stale.add(id);
}
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) seen.add(target.id); else seen.delete(target.id);
    if (isIntersecting && stale.delete(target.id)) late[target.id]();
  }
}, { rootMargin: "200px" });

const parts = {};
async function part(name, values) {
  if (!$(name)) return;
  parts[name] = { ...parts[name], ...values };
  let answer;
  try { answer = await fetched(name, parts[name]); } catch (error) { return; }
  if (answer.error) { $(name).textContent = answer.error; return; }
  const column = document.activeElement?.dataset?.by;
  if ($(name).innerHTML !== answer.html) $(name).innerHTML = answer.html;
  if (column) $(name).querySelector(`[data-by="${CSS.escape(column)}"]`)?.focus();
}

function pair(id, toSlide, fromSlide, then) {
  const typed = $(id), slide = $(`${id}-slide`);
  if (!typed) return;
  typed.addEventListener("input", () => { if (typed.value.trim()) slide.value = toSlide(Number(typed.value)); then(); });
  slide.addEventListener("input", () => { fromSlide(Number(slide.value)); then(); });
}

function connect() {
  const both = () => { ask.delta(); if ($("target")) ask.performance(); rested(); };
  $("threshold").addEventListener("input", () => { ask.delta(); rested(); });
  $("threshold-slide").addEventListener("input", () => { setDelta(10 ** Number($("threshold-slide").value)); rested(); });
  $("relative").addEventListener("change", () => {
    const last = known.delta;
    if (last) $("threshold").value = digits(value("relative") ? last.relative_change ?? last.value : last.value);
    ask.delta(); rested();
  });
  $("growth").addEventListener("input", () => { ask.delta(); rested(); });
  pair("confidence", (x) => x, (x) => { $("confidence").value = digits(x); }, both);
  $("confidence").addEventListener("change", draw.delta);
  $("confidence-slide").addEventListener("change", draw.delta);
  for (const id of ["family", "prior"]) $(id).addEventListener("change", () => { both(); draw.delta(); });
  $("repeats").addEventListener("change", draw.delta);
  if ($("target")) {
    pair("target", (x) => x, setTarget, () => { $("kind").dataset.touched = "1"; ask.performance(); rested(); });
    $("kind").addEventListener("change", () => {
      const { low, high, target } = $("kind").selectedOptions[0].dataset, slide = $("target-slide");
      Object.assign(slide, { min: low, max: high });
      delete axes.moved;
      setTarget(Number(target));
      rested();
    });
  }
  pair("rounds", (x) => x, (x) => { $("rounds").value = x; }, ask.collect);
  pair("risk", (x) => x, (x) => { $("risk").value = digits(x); }, ask.collect);
  for (const id of ["quantity", "limit", "cost_per_sample", "cost_of_missing"]) $(id).addEventListener("input", ask.collect);
  $("question").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", clicked);
  NARROW.addEventListener("change", () => { draw.delta(); draw.performance(); ask.collect(); });
  for (const id of Object.keys(late)) if ($(id)) watcher.observe($(id));
}

async function clicked(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const { copy, row, top, by, down, page } = button.dataset;
  if (copy) {
    const told = button.textContent;
    await navigator.clipboard.writeText($(copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = told; }, 1500);
  } else if (row !== undefined) {
    await part("sample", { row });
    $("sample").scrollIntoView({ block: "nearest" });
  } else if (top) {
    await part("samples", { top });
  } else if (by) {
    await part("cells", { by, down: down ?? "", page: 0 });
  } else if (page !== undefined) {
    await part("cells", { page });
  }
}

// Whether the server is there, and whether a running fit has finished more cells.
let version = null;
async function watch() {
  try {
    const state = await fetched("state", {});
    say("progress", state.error || state.text || "");
    if (version !== null && state.version !== version) {
      // before the first cells there was nothing to choose a target and a threshold by
      if ($("target")) everything(); else location.reload();
    }
    version = state.version ?? version;
  } catch (error) { /* the page says so */ }
  setTimeout(watch, 2000);
}

function everything() {
  ask.delta().then(() => Promise.all([draw.delta(), $("target") ? ask.performance() : 0]))
    .then(draw.performance).then(rested);
  for (const name of ["samples", "cells"]) refresh(name);
}

connect();
watch();
everything();
