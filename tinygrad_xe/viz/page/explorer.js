"use strict";
(() => {
  // -- what the page holds: the records of viz/steps.py and the words of viz/words.py
  const $ = id => document.getElementById(id);
  const {steps, nodes, edges, arrays, words} = JSON.parse($("data").textContent);
  const root = document.documentElement, page = document.body, graph = $("graph");
  const still = matchMedia("(prefers-reduced-motion:reduce)");
  const drawing = graph.querySelector("svg.drawing");
  const make = (tag, className, text) => {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  };

  // Graphviz has measured Arial; a wider font in its place is made smaller, so that text stays inside its card
  if (drawing) {
    const probe = drawing.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "text"));
    probe.setAttribute("font-size", 100);
    probe.textContent = "0123456789 grad parameter";
    const plain = probe.getComputedTextLength() / 1267;
    probe.setAttribute("font-weight", "bold");
    const bold = probe.getComputedTextLength() / 1312;
    probe.remove();
    for (const text of drawing.querySelectorAll("text")) {
      const wide = text.getAttribute("font-weight") === "bold" ? bold : plain;
      if (wide > 1.02) text.setAttribute("font-size", (text.getAttribute("font-size") / wide).toFixed(2));
    }
  }

  // -- the drawing: elements of nodes and edges; a running gradient is written into the text that the drawing has
  const cards = [], lines = [];
  for (const id in nodes) {
    const card = $(id);
    if (!card) continue;
    const {ids, result, at, label} = nodes[id];
    const grad = card.querySelector(".tg-g");
    const frame = [...card.querySelectorAll(".tg-frame")].map(e => e.getBBox());
    if (frame.length) for (const text of card.querySelectorAll("text:is(.tg-v,.tg-g,.tg-sum,.tg-seed,.tg-right)")) {
      text.setAttribute("x", (Math.max(...frame.map(b => b.x + b.width)) - 5).toFixed(1));
      text.setAttribute("text-anchor", "end");
    }
    let room = 0;  // between the word "grad" and the right side; a running gradient may be longer than the last one
    if (grad && frame.length) {
      const before = grad.previousElementSibling.getBBox();
      room = grad.getAttribute("x") - before.x - before.width - 4;
    }
    cards.push({card, ids, result, grad, room, full: grad && grad.textContent});
    card.setAttribute("tabindex", "0");
    card.setAttribute("role", "button");
    card.setAttribute("aria-label", label);
    const jump = () => {
      stop();
      go(at.find(k => k > now) ?? at[0] ?? now);
    };
    card.addEventListener("click", () => moved || jump());
    card.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      jump();
    });
  }
  for (const id in edges) if ($(id)) lines.push({line: $(id), ...edges[id]});

  // -- arrays: one number, a few numbers, or a heat map
  const made = new Map();
  const number = v => typeof v === "number" ? String(+v.toPrecision(4)) : v;
  function shown(k) {
    if (!made.has(k)) made.set(k, arrays[k].cells ? heat(arrays[k]) : arrays[k].rows ? matrix(arrays[k].rows) : document.createTextNode(arrays[k].text));
    return made.get(k);
  }
  function matrix(rows) {
    const table = make("table", "mat");
    for (const row of rows) {
      const line = table.insertRow();
      for (const text of row) line.insertCell().textContent = text;
    }
    return table;
  }
  function heat(a) {
    const ns = "http://www.w3.org/2000/svg", [columns, count] = [a.columns, a.cells.length], rows = Math.ceil(count / columns);
    const box = make("div", "heat"), svg = document.createElementNS(ns, "svg"), read = make("div", "read");
    const add = (tag, values) => {
      const e = svg.appendChild(document.createElementNS(ns, tag));
      for (const key in values) e.setAttribute(key, values[key]);
      return e;
    };
    const top = Math.max(...a.cells.map(v => typeof v === "number" ? Math.abs(v) : 0)) || 1;
    svg.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.style.maxWidth = 28 * columns + "px";
    svg.style.height = rows * Math.max(3, Math.min(18, 170 / rows)) + "px";
    svg.setAttribute("shape-rendering", "crispEdges");
    svg.setAttribute("role", "img");
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-label", a.label);
    a.cells.forEach((v, k) => {
      const x = k % columns, y = Math.floor(k / columns);
      if (typeof v !== "number") add("path", {class: "x", d: `M${x + .15} ${y + .15}l.7 .7m0-.7l-.7 .7`});
      else if (v) add("rect", {class: v > 0 ? "p" : "n", x, y, width: 1, height: 1, "fill-opacity": (.07 + .93 * Math.abs(v) / top).toFixed(2)});
    });
    const mark = add("rect", {class: "mark", width: 1, height: 1, visibility: "hidden"});
    let at = -1;
    const point = k => {
      at = k;
      const inside = k >= 0 && k < count;
      mark.setAttribute("visibility", inside ? "visible" : "hidden");
      read.textContent = inside ? place(a, k) + " = " + number(a.cells[k]) : "";
      if (inside) {
        mark.setAttribute("x", k % columns);
        mark.setAttribute("y", Math.floor(k / columns));
      }
    };
    svg.addEventListener("pointermove", event => {
      const r = svg.getBoundingClientRect();
      const x = Math.floor((event.clientX - r.left) / r.width * columns), y = Math.floor((event.clientY - r.top) / r.height * rows);
      point(x < 0 || x >= columns || y < 0 ? -1 : y * columns + x);
    });
    svg.addEventListener("pointerleave", () => point(-1));
    svg.addEventListener("keydown", event => {
      const move = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns}[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      point(at < 0 ? 0 : at + move >= 0 && at + move < count ? at + move : at);
    });
    read.setAttribute("aria-live", "polite");
    const bar = make("div", "bar"), strip = make("i");
    strip.style.background = `linear-gradient(to right,${a.low < 0 ? "var(--neg)," : ""}var(--zero)${a.high > 0 ? ",var(--pos)" : ""})`;
    bar.append(make("span", "", number(a.low)), strip, make("span", "", number(a.high)));
    box.append(make("div", "note", a.text), svg, bar);
    if (a.note) box.append(make("div", "note", a.note));
    box.append(read);
    return box;
  }
  // the index of a cell in the array: [i, j], or the ranges that a cell of a smaller map stands for
  function place(a, k) {
    if (a.wrapped) return `[${k}]`;
    const row = Math.floor(k / a.columns), column = k % a.columns, [high, wide] = a.block || [1, 1];
    const range = (i, step, length) => step > 1 ? `${i * step}:${Math.min((i + 1) * step, length)}` : String(i);
    const last = a.shape.length - 1, index = [range(column, wide, a.shape[last])];
    if (high > 1) return last < 1 ? `[${index}]` : `[${last > 1 ? words.rows + " " : ""}${range(row, high, a.height)}, ${index}]`;
    let rest = row;
    for (let axis = last - 1; axis >= 0; axis--) {
      index.unshift(String(rest % a.shape[axis]));
      rest = Math.floor(rest / a.shape[axis]);
    }
    return `[${index.join(", ")}]`;
  }

  // -- steps
  let now = 0, timer = 0, moved = false;
  function go(k) {
    now = Math.max(0, Math.min(steps.length - 1, k));
    const step = steps[now], known = new Set(), grads = new Map(), sums = new Set(), sent = new Set();
    for (let j = 0; j <= now; j++) {
      for (const n of steps[j].shows || []) known.add(n);
      for (const [n, text] of steps[j].grads || []) grads.set(n, text);
      for (const n of steps[j].sums || []) sums.add(n);
      for (const e of steps[j].sent || []) sent.add(e);
    }
    page.className = step.phase;
    const on = new Set(step.nodes), through = new Set(step.edges);
    for (const {card, ids, result, grad, room, full} of cards) {
      const names = card.classList;
      names.toggle("on", ids.some(n => on.has(n)));
      names.toggle("v", known.has(result));
      names.toggle("todo", !known.has(result));
      names.toggle("d", grads.has(result));
      names.toggle("s", sums.has(result));
      const running = grads.get(result) ?? full;
      if (grad && grad.textContent !== running) {
        grad.textContent = running;
        grad.removeAttribute("textLength");
        if (room > 0 && grad.getComputedTextLength() > room) {
          grad.setAttribute("textLength", room.toFixed(1));
          grad.setAttribute("lengthAdjust", "spacingAndGlyphs");
        }
      }
    }
    for (const {line, flows, child} of lines) {
      line.classList.toggle("on", flows.some(e => through.has(e)));
      line.classList.toggle("todo", !known.has(child));
      line.classList.toggle("d", flows.some(e => sent.has(e)));
    }
    $("phase").textContent = words[step.phase];
    $("what").textContent = step.what;
    $("math").replaceChildren($("m" + now).content.cloneNode(true));
    $("rule").hidden = !$("math").firstChild;
    $("math").style.fontSize = "";
    const wide = $("math").scrollWidth / $("math").clientWidth;
    if (wide > 1) $("math").style.fontSize = Math.max(11, 16.5 / wide) + "px";
    $("code").textContent = step.code;
    $("at").textContent = step.at || "";
    $("source").hidden = !step.code;
    $("reason").textContent = step.why;
    const table = $("nums").tBodies[0];
    table.replaceChildren();
    for (const [label, array, kind] of step.numbers) {
      const line = table.insertRow();
      if (arrays[array].cells) {
        const cell = line.insertCell();
        cell.colSpan = 2;
        cell.className = "wide " + kind;
        cell.append(label, shown(array).isConnected ? heat(arrays[array]) : shown(array));
        continue;
      }
      const head = line.appendChild(make("th", "", label)), cell = line.insertCell();
      head.scope = "row";
      cell.className = kind;
      cell.append(shown(array).isConnected ? shown(array).cloneNode(true) : shown(array));
    }
    $("count").textContent = `${now + 1} / ${steps.length}`;
    $("slider").value = now;
    $("slider").setAttribute("aria-valuetext", `${now + 1} / ${steps.length}: ${step.what}`);
    $("first").disabled = $("back").disabled = now === 0;
    $("next").disabled = $("last").disabled = now === steps.length - 1;
    follow(step);
    if (now === steps.length - 1) stop();
  }
  // scroll as little as shows both ends of the edge; where they do not fit, the node that the step is about
  function follow(step) {
    const view = graph.getBoundingClientRect();
    const boxes = list => list.map(e => e && e.getBoundingClientRect()).filter(Boolean);
    const around = list => list.length && {left: Math.min(...list.map(r => r.left)), top: Math.min(...list.map(r => r.top)), right: Math.max(...list.map(r => r.right)), bottom: Math.max(...list.map(r => r.bottom))};
    const near = new Set(step.nodes.concat(step.near)), through = new Set(step.edges);
    const box = around(boxes(cards.filter(c => c.ids.some(n => near.has(n))).map(c => c.card).concat(lines.filter(l => l.flows.some(e => through.has(e))).map(l => l.line))));
    if (!box) return;
    const main = boxes(cards.filter(c => c.ids.includes(step.nodes[0])).map(c => c.card))[0];
    const shift = (from, to, low, high, first, second) => {
      if (to - from > high - low - 16) [from, to] = [first, second];
      return from < low + 8 ? from - low - 8 : to > high - 8 ? Math.min(to - high + 8, from - low - 8) : 0;
    };
    const left = shift(box.left, box.right, view.left, view.left + graph.clientWidth, main ? main.left : box.left, main ? main.right : box.right);
    const top = shift(box.top, box.bottom, view.top, view.top + graph.clientHeight, main ? main.top : box.top, main ? main.bottom : box.bottom);
    if (left || top) graph.scrollBy({left, top, behavior: still.matches ? "auto" : "smooth"});
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = words.play;
  }
  function play() {
    if (timer) return stop();
    if (now === steps.length - 1) go(0);
    timer = setInterval(() => go(now + 1), 1000);
    $("play").textContent = words.pause;
  }
  const by = f => () => {
    stop();
    go(f());
  };
  $("first").onclick = by(() => 0);
  $("back").onclick = by(() => now - 1);
  $("next").onclick = by(() => now + 1);
  $("last").onclick = by(() => steps.length - 1);
  $("play").onclick = play;
  $("slider").oninput = event => by(() => +event.target.value)();
  $("theme").onclick = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tag = event.target.tagName;
    const act = {ArrowRight: $("next").onclick, ArrowLeft: $("back").onclick, Home: $("first").onclick, End: $("last").onclick}[event.key];
    if (act && tag !== "INPUT") act();
    else if (event.key === " " && tag !== "BUTTON") play();
    else if (drawing && "+=".includes(event.key)) zoom(scale * 1.25);
    else if (drawing && event.key === "-") zoom(scale / 1.25);
    else if (drawing && event.key === "0") $("fit").onclick();
    else return;
    event.preventDefault();
  });

  // -- zoom and pan
  let scale = 1;
  function zoom(to) {
    const width = drawing.viewBox.baseVal.width * 4 / 3, height = drawing.viewBox.baseVal.height * 4 / 3;
    const x = (graph.scrollLeft + graph.clientWidth / 2) / graph.scrollWidth, y = (graph.scrollTop + graph.clientHeight / 2) / graph.scrollHeight;
    scale = Math.max(.05, Math.min(4, to));
    drawing.style.width = width * scale + "px";
    drawing.style.height = height * scale + "px";
    graph.scrollLeft = x * graph.scrollWidth - graph.clientWidth / 2;
    graph.scrollTop = y * graph.scrollHeight - graph.clientHeight / 2;
    $("fit").textContent = Math.abs(scale - 1) < .01 ? words.fit : "100 %";
  }
  function fitting(whole) {
    const wide = (graph.clientWidth - 16) / (drawing.viewBox.baseVal.width * 4 / 3), high = (graph.clientHeight - 16) / (drawing.viewBox.baseVal.height * 4 / 3);
    return Math.min(1, wide, whole ? high : 1);
  }
  if (drawing) {
    drawing.removeAttribute("width");
    drawing.removeAttribute("height");
    $("in").onclick = () => zoom(scale * 1.25);
    $("out").onclick = () => zoom(scale / 1.25);
    $("fit").onclick = () => zoom(Math.abs(scale - 1) < .01 ? fitting(true) : 1);
    zoom(Math.max(.6, fitting(false)));
    let from = null;
    graph.addEventListener("pointerdown", event => {
      moved = false;
      if (event.pointerType === "mouse" && event.button === 0) from = [event.clientX, event.clientY, graph.scrollLeft, graph.scrollTop];
    });
    addEventListener("pointermove", event => {
      if (!from) return;
      const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
      if (!moved && Math.hypot(x, y) < 5) return;
      moved = true;
      graph.classList.add("drag");
      graph.scrollTo(from[2] - x, from[3] - y);
    });
    addEventListener("pointerup", () => {
      from = null;
      graph.classList.remove("drag");
    });
  }
  go(0);
  page.dataset.ready = "1";
})();
