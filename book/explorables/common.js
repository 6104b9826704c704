// What the explorables share: controls, panels that are drawn on, numbers, a loop, chance, a pad to draw a digit on.
(() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const element = (tag, properties = {}, ...children) => {
    const e = Object.assign(document.createElement(tag), properties);
    e.append(...children);
    return e;
  };
  let ids = 0;

  // Chance from a seed: uniform numbers (mulberry32), and normal ones by Box and Muller.
  genbook.chance = (seed = 1) => {
    let s = seed >>> 0;
    const uniform = () => {
      s = s + 0x6D2B79F5 | 0;
      let t = Math.imul(s ^ s >>> 15, 1 | s);
      t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
      return ((t ^ t >>> 14) >>> 0) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal, normals: n => Float32Array.from({ length: n }, normal) };
  };

  // The tensors of a network, by name, out of the script that holds them: {data: Float32Array, shape}.
  genbook.tensors = name => {
    const { data, at } = genbook.weights[name];
    const text = atob(data), bytes = new Uint8Array(text.length);
    for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
    const all = new Float32Array(bytes.buffer), found = {};
    for (const [key, [shape, start]] of Object.entries(at)) {
      found[key] = { shape, data: all.subarray(start, start + shape.reduce((a, b) => a * b, 1)) };
    }
    return found;
  };

  // Ten digits, one of each class, that the shipped diffusion model drew; grey values in [0, 1].
  genbook.digits = () => {
    const text = atob(genbook.weights.examples);
    return Array.from({ length: 10 }, (_, d) => Float32Array.from({ length: 784 }, (_, i) => text.charCodeAt(784 * d + i) / 255));
  };

  // The colours of the page, light or dark (blue, orange, green and pink are those of the book's figures).
  genbook.colours = () => {
    const style = getComputedStyle(document.documentElement), dark = document.documentElement.dataset.theme === "dark";
    const of = name => style.getPropertyValue(name).trim();
    return { ink: of("--pst-color-text-base") || "#222", muted: of("--pst-color-text-muted") || "#555", dark,
             ground: of("--pst-color-background") || "#fff", border: of("--pst-color-border") || "#ccc",
             blue: dark ? "#56b4e9" : "#0072b2", orange: dark ? "#e69f00" : "#d55e00",
             green: dark ? "#2fc69a" : "#00795b", pink: dark ? "#e08fc0" : "#a8507f" };
  };

  genbook.Stage = class {
    constructor(section) {
      this.section = section;
      this.panels = element("div", { className: "explorable-panels" });
      this.controls = element("div", { className: "explorable-controls" });
      this.table = element("dl", { className: "explorable-numbers" });
      this.voice = element("p", { className: "explorable-voice" });
      this.voice.setAttribute("role", "status");
      this.place = element("div", { className: "explorable-live" }, this.panels, this.table, this.controls, this.voice);
      this.drawn = [];
      this.loop = null;
      new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      new ResizeObserver(() => this.draw()).observe(this.place); // the box of the panels is dissolved on a phone
    }

    // A canvas of w x h points, and what draws it: draw(context, colours). `label` is what a screen reader says it is;
    // `kind` is its place on a phone: "half" of the width, "second" in the order, "late" below the controls.
    panel(label, w, h, draw, title = "", kind = "") {
      const canvas = element("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", label);
      canvas.style.cssText = `width: ${w}px; aspect-ratio: ${w} / ${h};`;
      const box = element("figure", { className: `explorable-panel ${kind && `explorable-${kind}`}` }, canvas);
      const heading = element("div", { className: "explorable-panel-title", textContent: title });
      if (title) box.prepend(heading);
      this.panels.append(box);
      const redraw = colours => {
        const scale = (canvas.clientWidth || w) / w * Math.min(3, Math.max(2, devicePixelRatio || 1));
        const size = [Math.round(w * scale), Math.round(h * scale)];
        if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
        const context = canvas.getContext("2d");
        context.setTransform(scale, 0, 0, scale, 0, 0);
        context.clearRect(0, 0, w, h);
        context.font = "12px system-ui, sans-serif";
        context.lineWidth = 1.5;
        context.textAlign = "start";
        context.textBaseline = "alphabetic";
        draw(context, colours);
      };
      this.drawn.push(redraw);
      return { canvas, box, heading, w, h, redraw: () => redraw(genbook.colours()) };
    }

    draw() {
      const colours = genbook.colours();
      this.drawn.forEach(redraw => redraw(colours));
    }

    // A panel on which something is dragged: move(x, y, phase) gets points; the arrow keys move by `step` points.
    // Its title says so while the keyboard is on it.
    draggable(panel, label, place, move, step = 4, keys = "arrow keys move it") {
      const { canvas, heading, w, h } = panel, title = heading.textContent;
      canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) heading.textContent = keys; });
      canvas.addEventListener("blur", () => { heading.textContent = title; });
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");
      canvas.setAttribute("aria-label", label);
      canvas.classList.add("explorable-drag");
      const point = e => {
        const r = canvas.getBoundingClientRect();
        return [(e.clientX - r.left) / r.width * w, (e.clientY - r.top) / r.height * h];
      };
      let held = false;
      canvas.addEventListener("pointerdown", e => { held = true; canvas.setPointerCapture(e.pointerId); move(...point(e), "down"); });
      canvas.addEventListener("pointermove", e => { if (held) move(...point(e), "move"); });
      const drop = e => { if (held) { held = false; move(...point(e), "up"); } };
      canvas.addEventListener("pointerup", drop);
      canvas.addEventListener("pointercancel", drop);
      canvas.addEventListener("keydown", e => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
        if (!way) return;
        e.preventDefault();
        const [x, y] = place(), far = e.shiftKey ? 4 * step : step;
        move(x + far * way[0], y + far * way[1], "key");
      });
    }

    slider(label, { min, max, step, value, show = x => String(x) }, changed = () => {}) {
      const id = `explorable-control-${++ids}`;
      const input = element("input", { type: "range", id, min, max, step, value });
      const shown = element("span", { className: "explorable-value" });
      const control = {
        input,
        get value() { return Number(input.value); },
        set value(x) { input.value = x; say(); },
      };
      const say = () => {
        shown.textContent = show(control.value);
        input.setAttribute("aria-valuetext", shown.textContent);
      };
      input.addEventListener("input", () => { say(); changed(control.value); });
      say();
      control.box = element("div", { className: "explorable-slider" }, element("label", { htmlFor: id }, label, " ", shown), input);
      this.controls.append(control.box);
      return control;
    }

    choice(label, options, value, changed = () => {}) {
      const id = `explorable-control-${++ids}`;
      const select = element("select", { id });
      for (const [key, text] of Object.entries(options)) select.append(element("option", { value: key, textContent: text }));
      select.value = value;
      select.addEventListener("change", () => changed(select.value));
      const box = element("div", { className: "explorable-choice" }, element("label", { htmlFor: id, textContent: label }), select);
      this.controls.append(box);
      return { select, box, get value() { return select.value; }, set value(x) { select.value = x; } };
    }

    button(label, pressed) {
      const button = element("button", { type: "button", textContent: label });
      button.addEventListener("click", pressed);
      this.controls.append(button);
      return button;
    }

    // A number that is shown live; `of` marks the one that the chapter verifies.
    number(label, of = false) {
      const value = element("dd");
      this.table.append(element("div", { className: of ? "checked" : "" }, element("dt", { textContent: label }), value));
      return text => { if (value.textContent !== text) value.textContent = text; };
    }

    // What a screen reader is told, a moment after the last change.
    say(text) {
      clearTimeout(this.speaking);
      this.speaking = setTimeout(() => { this.voice.textContent = text; }, 700);
    }

    // A loop of frames with its button; it rests where it is not seen, and begins at rest where motion is unwanted.
    // `frame` returns true when it has come to an end.
    run(frame, { step = "One step", playing = true } = {}) {
      const loop = this.loop = { playing: playing && !still.matches, seen: true };
      const button = this.button("", () => { loop.playing ? loop.pause() : loop.play(); });
      const once = this.button(step, () => { loop.pause(); frame(true); this.draw(); });
      const name = () => { button.textContent = loop.playing ? "Pause" : "Run"; };
      const turn = () => {
        if (!loop.playing || !loop.seen || document.hidden) { loop.asked = false; return; }
        if (frame(false)) loop.playing = false;
        name();
        this.draw();
        loop.asked = loop.playing;
        if (loop.playing) requestAnimationFrame(turn);
      };
      const go = () => { if (!loop.asked) { loop.asked = true; requestAnimationFrame(turn); } };
      loop.play = () => { loop.playing = true; name(); go(); };
      loop.pause = () => { loop.playing = false; name(); };
      loop.once = once;
      this.controls.prepend(element("div", { className: "explorable-run" }, button, once)); // the first that is reached
      new IntersectionObserver(([entry]) => { loop.seen = entry.isIntersecting; if (loop.seen && loop.playing) go(); })
        .observe(this.section);
      document.addEventListener("visibilitychange", () => { if (loop.playing) go(); });
      name();
      if (loop.playing) go();
      return loop;
    }

    // A pad of 28 x 28 pixels to draw a digit on, with pointer, finger, or arrow keys and space. `pad.image` is grey in
    // [0, 1]; changed() is called while it is drawn.
    pad(label, changed, { side = 196, title = "Draw here", kind = "", over } = {}) {
      const pad = { image: new Float32Array(784), pen: [14, 14], down: false };
      const dab = (x, y) => {
        for (let i = 0; i < 28; i++) for (let j = 0; j < 28; j++) {
          const d = Math.hypot(j + 0.5 - x, i + 0.5 - y);
          const grey = Math.max(0, Math.min(1, 1.9 - d));
          if (grey > pad.image[28 * i + j]) pad.image[28 * i + j] = grey;
        }
      };
      const panel = this.panel(label, side, side, (c, colours) => {
        genbook.picture(c, pad.image, 0, 0, side, colours);
        over?.(c, colours);
        if (document.activeElement === panel?.canvas && pad.keys) {
          c.strokeStyle = colours.orange;
          c.strokeRect(pad.pen[0] * side / 28 - 5, pad.pen[1] * side / 28 - 5, 10, 10);
        }
      }, title, kind);
      let last = null;
      this.draggable(panel, `${label}. With the keyboard: the arrow keys move the pen, space puts it down and lifts it.`,
        () => pad.pen.map(x => x * side / 28), (x, y, phase) => {
          pad.keys = phase === "key";
          const to = [x, y].map(v => Math.max(0, Math.min(28, v * 28 / side)));
          if (phase === "down" || !last) last = to;
          if (phase !== "key" || pad.down) {
            const n = Math.ceil(2 * Math.hypot(to[0] - last[0], to[1] - last[1])) || 1;
            for (let k = 1; k <= n; k++) dab(last[0] + (to[0] - last[0]) * k / n, last[1] + (to[1] - last[1]) * k / n);
            changed();
          }
          last = pad.pen = to;
          panel.redraw();
        }, side / 28, "arrows move, space draws");
      panel.canvas.addEventListener("keydown", e => {
        if (e.key !== " ") return;
        e.preventDefault();
        pad.down = !pad.down;
        pad.keys = true;
        if (pad.down) { dab(...pad.pen); last = pad.pen; changed(); }
        this.say(pad.down ? "Pen down." : "Pen up.");
        panel.redraw();
      });
      pad.panel = panel;
      pad.clear = () => { pad.image.fill(0); last = null; changed(); panel.redraw(); };
      pad.put = image => { pad.image.set(image); changed(); panel.redraw(); };
      return pad;
    }
  };

  // An image of grey values in [0, 1] (ink where 1), pixel by pixel.
  genbook.picture = (c, image, x, y, size, colours, side = 28) => {
    const s = size / side;
    c.fillStyle = colours.dark ? "#10151c" : "#fff";
    c.fillRect(x, y, size, size);
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
      const grey = Math.max(0, Math.min(1, image[side * i + j]));
      if (grey < 0.004) continue;
      const v = Math.round(colours.dark ? 16 + 239 * grey : 255 * (1 - grey));
      c.fillStyle = `rgb(${v},${v},${v})`;
      c.fillRect(x + j * s, y + i * s, s + 0.3, s + 0.3);
    }
    c.strokeStyle = colours.border;
    c.lineWidth = 1;
    c.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
  };

  // Axes in a panel; returns the maps from numbers to points, and a pen for curves.
  genbook.axes = (c, colours, { w, h, x, y, xlabel = "", ylabel = "", xticks = [], yticks = [], left = 38, bottom = 30, top = 10, right = 10 }) => {
    const X = v => left + (v - x[0]) / (x[1] - x[0]) * (w - left - right);
    const Y = v => h - bottom - (v - y[0]) / (y[1] - y[0]) * (h - bottom - top);
    c.strokeStyle = colours.border;
    c.lineWidth = 1;
    c.strokeRect(left, top, w - left - right, h - top - bottom);
    c.fillStyle = colours.ink;
    c.textAlign = "center";
    c.textBaseline = "top";
    for (const v of xticks) c.fillText(String(v).replace("-", "−"), X(v), h - bottom + 3);
    c.fillText(xlabel, (left + w - right) / 2, h - 13);
    c.textAlign = "right";
    c.textBaseline = "middle";
    for (const v of yticks) c.fillText(String(v).replace("-", "−"), left - 4, Y(v));
    c.save();
    c.translate(9, (top + h - bottom) / 2);
    c.rotate(-Math.PI / 2);
    c.textAlign = "center";
    c.fillText(ylabel, 0, 0);
    c.restore();
    c.lineWidth = 1.5;
    const line = (xs, ys, colour, dash = []) => {
      c.save();
      c.beginPath();
      c.rect(left, top, w - left - right, h - top - bottom);
      c.clip();
      c.beginPath();
      xs.forEach((v, k) => k ? c.lineTo(X(v), Y(ys[k])) : c.moveTo(X(v), Y(ys[k])));
      c.strokeStyle = colour;
      c.setLineDash(dash);
      c.stroke();
      c.restore();
    };
    const dot = (a, b, colour, r = 4) => {
      c.beginPath();
      c.arc(X(a), Y(b), r, 0, 7);
      c.fillStyle = colour;
      c.fill();
    };
    return { X, Y, line, dot };
  };

  genbook.minus = text => String(text).replace(/-/g, "−");
  genbook.fixed = (x, digits = 2) => Number.isFinite(x) ? genbook.minus(x.toFixed(digits)) : "–";

  genbook.open = section => {
    const stage = new genbook.Stage(section);
    const place = section.querySelector(".explorable-stage");
    place.classList.add("started");
    place.append(stage.place);
    section.live = genbook.explorables[section.dataset.name](stage);
    place.querySelector(".explorable-start")?.remove();
    stage.draw();
    const asked = place.contains(document.activeElement) || document.activeElement === document.body;
    if (asked && !("moving" in section.dataset)) stage.controls.querySelector("button, input, select")?.focus({ preventScroll: true });
  };
})();
