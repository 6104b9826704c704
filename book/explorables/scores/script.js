// Two clouds in the plane; three scores, and what they are when the labels are shuffled.
(() => {
  const squared = (p, q) => (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2;

  // Everything that the shuffles need of the n + n points: kernel, sums of its rows, nearest neighbours.
  function prepare(points, bandwidth) {
    const N = points.length, K = new Float64Array(N * N), nearest = new Int32Array(N);
    for (let i = 0; i < N; i++) {
      let best = Infinity;
      for (let j = 0; j < N; j++) {
        const d = squared(points[i], points[j]);
        K[i * N + j] = i === j ? 0 : Math.exp(-d / (2 * bandwidth ** 2));
        if (i !== j && d < best) { best = d; nearest[i] = j; }
      }
    }
    return { points, K, N, nearest, sum: K.reduce((a, b) => a + b, 0) };
  }

  function mmd2({ K, N }, real) { // real[i] is 1 or 0; without bias
    const n = N / 2;
    let same = 0, other = 0;
    for (let i = 0; i < N; i++) for (let j = 0, at = i * N; j < N; j++, at++) {
      if (real[i] === real[j]) same += K[at]; else other += K[at];
    }
    return same / (n * (n - 1)) - other / (n * n);
  }

  function frechet2({ points, N }, real) {
    const [p, q] = [1, 0].map(which => {
      let n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
      for (let i = 0; i < N; i++) if (real[i] === which) { n++; x += points[i][0]; y += points[i][1]; }
      x /= n; y /= n;
      for (let i = 0; i < N; i++) if (real[i] === which) {
        const dx = points[i][0] - x, dy = points[i][1] - y;
        xx += dx * dx; xy += dx * dy; yy += dy * dy;
      }
      return { x, y, xx: xx / (n - 1), xy: xy / (n - 1), yy: yy / (n - 1) };
    });
    const det = c => c.xx * c.yy - c.xy * c.xy, trace = p.xx * q.xx + 2 * p.xy * q.xy + p.yy * q.yy;
    const overlap = Math.sqrt(trace + 2 * Math.sqrt(Math.max(0, det(p) * det(q)))); // trace of the root of a 2 x 2 product
    return (p.x - q.x) ** 2 + (p.y - q.y) ** 2 + p.xx + p.yy + q.xx + q.yy - 2 * overlap;
  }

  const neighbours = ({ nearest, N }, real) => nearest.reduce((sum, j, i) => sum + (real[i] === real[j] ? 1 : 0), 0) / N;

  const exactMmd2 = (shift2, bandwidth, dimensions = 2) => { // of N(0, I) and N(shift, I)
    const s = bandwidth ** 2, front = (1 + 2 / s) ** (-dimensions / 2);
    return 2 * front * (1 - Math.exp(-shift2 / (2 * (s + 2))));
  };
  const SCORES = { mmd2, frechet2, neighbours };

  function shuffled(prepared, count, chance) { // the scores of random relabellings
    const real = Float64Array.from({ length: prepared.N }, (_, i) => i < prepared.N / 2 ? 1 : 0), found = { mmd2: [], frechet2: [], neighbours: [] };
    for (let b = 0; b < count; b++) {
      for (let i = real.length - 1; i > 0; i--) {
        const j = Math.floor(chance.uniform() * (i + 1));
        [real[i], real[j]] = [real[j], real[i]];
      }
      for (const [name, score] of Object.entries(SCORES)) found[name].push(score(prepared, real));
    }
    return found;
  }

  genbook.explorables.scores = stage => {
    const W = 320, R = 4, BANDWIDTH = 1, B = 99;
    let seed = 1, shift = [0, 0], cloud, values, nulls, p;
    const X = v => (v + R) / (2 * R) * W, Y = v => (R - v) / (2 * R) * W;
    const draw = () => {
      const chance = genbook.chance(seed), pair = () => [chance.normal(), chance.normal()];
      const real = Array.from({ length: n.value }, pair);
      const generated = Array.from({ length: n.value }, () => {
        if (shape.value === "same") return pair();
        if (shape.value === "wide") return pair().map(v => 1.5 * v);
        const angle = 2 * Math.PI * chance.uniform(); // a thin ring with the covariance of the cloud
        return [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)];
      });
      cloud = { real, generated };
    };
    const compute = () => {
      const moved = cloud.generated.map(([x, y]) => [x + shift[0], y + shift[1]]), prepared = prepare([...cloud.real, ...moved], BANDWIDTH);
      const labels = Float64Array.from({ length: prepared.N }, (_, i) => i < n.value ? 1 : 0);
      values = {};
      p = {};
      nulls = shuffled(prepared, B, genbook.chance(77));
      for (const [name, score] of Object.entries(SCORES)) {
        values[name] = score(prepared, labels);
        p[name] = (1 + nulls[name].filter(v => v >= values[name] - 1e-12).length) / (1 + B);
      }
    };
    const plane = stage.panel("", W, W, (c, colours) => {
      c.strokeStyle = colours.border;
      c.strokeRect(0.5, 0.5, W - 1, W - 1);
      c.fillStyle = colours.blue;
      for (const [x, y] of cloud.real) { c.beginPath(); c.arc(X(x), Y(y), 3, 0, 7); c.fill(); }
      c.fillStyle = colours.orange;
      for (const [x, y] of cloud.generated) c.fillRect(X(x + shift[0]) - 2.5, Y(y + shift[1]) - 2.5, 5, 5);
      c.strokeStyle = colours.ink;
      c.lineWidth = 2;
      const [a, b] = [X(shift[0]), Y(shift[1])];
      c.strokeRect(a - 8, b - 8, 16, 16);
    }, "real (dots), generated (squares): drag it");
    const histogram = (c, colours, name, title, h) => {
      const all = [...nulls[name], values[name]], [low, high] = [Math.min(...all), Math.max(...all)], pad = (high - low) * 0.08 || 0.05;
      const bins = 24, width = (high - low + 2 * pad) / bins, counts = new Array(bins).fill(0), w = 260;
      for (const v of nulls[name]) counts[Math.min(bins - 1, Math.floor((v - low + pad) / width))]++;
      const top = Math.max(...counts), ticks = [low, high].map(v => Number(v.toPrecision(2)));
      const { X: x, Y: y, line } = genbook.axes(c, colours, { w, h, x: [low - pad, high + pad], y: [0, top * 1.1], xticks: ticks, left: 24, right: 24, top: 20, bottom: 20 });
      c.fillStyle = colours.muted;
      counts.forEach((v, k) => c.fillRect(x(low - pad + k * width), y(v), Math.max(1, (w - 48) / bins - 1), y(0) - y(v)));
      c.lineWidth = 2.5;
      line([values[name], values[name]], [0, top * 1.1], colours.orange);
      c.fillStyle = colours.ink;
      c.textAlign = "left";
      c.fillText(`${title}: ${genbook.fixed(values[name], 3)}, p-value ${genbook.fixed(p[name], 2)}`, 24, 9);
    };
    stage.panel("Histograms of the three scores under shuffled labels, each with a line at the value found", 260, 336, (c, colours) => {
      [["mmd2", "MMD² (kernel)"], ["frechet2", "Fréchet²"], ["neighbours", "1-NN (neighbours)"]].forEach(([name, title], k) => {
        c.save();
        c.translate(0, 112 * k);
        histogram(c, colours, name, title, 112);
        c.restore();
      });
    }, "bars: labels shuffled; orange: now");
    const shown = { shift: stage.number("distance of the centres"), exact: stage.number("exact MMD²", true), mmd: stage.number("its estimate"), half: stage.number("1-NN, mean if equal", true), nn: stage.number("1-NN now"), verdict: stage.number("say “different” (p ≤ 0.05)") };
    const say = () => {
      shown.shift(genbook.fixed(Math.hypot(...shift)));
      shown.exact(shape.value === "same" ? genbook.fixed(exactMmd2(shift[0] ** 2 + shift[1] ** 2, BANDWIDTH), 4) : "for equal shapes only");
      shown.mmd(genbook.fixed(values.mmd2, 4));
      shown.half(genbook.fixed((n.value - 1) / (2 * n.value - 1), 4));
      shown.nn(genbook.fixed(values.neighbours, 3));
      const who = [["mmd2", "MMD"], ["frechet2", "Fréchet"], ["neighbours", "1‑NN"]].filter(([name]) => p[name] <= 0.05).map(([, text]) => text);
      shown.verdict(who.join(", ") || "none of them");
      stage.say(`Shift ${genbook.fixed(Math.hypot(...shift), 1)}. Different, say ${who.join(", ") || "none of them"}.`);
    };
    const changed = () => { compute(); say(); stage.draw(); };
    const again = () => { draw(); changed(); };
    let waiting;
    stage.draggable(plane, "Centre of the generated cloud; the arrow keys move it", () => [X(shift[0]), Y(shift[1])], (x, y) => {
      shift = [x / W * 2 * R - R, R - y / W * 2 * R].map(v => Math.max(-R, Math.min(R, v)));
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(changed);
    }, 4);
    const n = stage.slider("Points in each cloud n", { min: 10, max: 150, step: 10, value: 40 }, again);
    const shape = stage.choice("The generated cloud is", { same: "as the real one", wide: "half as wide again", ring: "a ring of the same covariance" }, "same", again);
    stage.button("Draw both clouds again", () => { seed++; again(); });
    stage.button("Put one on the other", () => { shift = [0, 0]; changed(); });
    again();
    const pose = () => { shift = [0.9, 0.3]; changed(); };
    return { pose, prepare, SCORES, exactMmd2, shuffled, shape, n };
  };
})();
