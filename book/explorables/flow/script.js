// A flow with four knobs, two wells whose log Z is known, and what the weights say of it.
(() => {
  const logF = ([x, y]) => -6 * (x * x - 1) ** 2 - 2 * (y - x) ** 2;
  const LOG_Z = (() => { // the second coordinate is a Gaussian integral, the first a sum that is exact to rounding
    let sum = 0;
    for (let k = -4000; k <= 4000; k++) sum += Math.exp(logF([k / 1000, k / 1000])) / 1000;
    return Math.log(sum) + Math.log(Math.PI / 2) / 2;
  })();
  const D = 0.5;
  // x_1 = m + s z_1 + b tanh(k z_1), x_2 = c x_1 + D z_2, and the logarithm of the determinant.
  const map = ([z1, z2], { m, s, b, k, c }) => {
    const t = Math.tanh(k * z1), x = m + s * z1 + b * t;
    return { x: [x, c * x + D * z2], logDet: Math.log(D * (s + b * k * (1 - t * t))) };
  };
  const logNormal = ([a, b]) => -(a * a + b * b) / 2 - Math.log(2 * Math.PI);
  const invert = ([x, y], options) => { // by bisection: the map is monotone
    let [low, high] = [-60, 60];
    for (let round = 0; round < 80; round++) {
      const middle = (low + high) / 2;
      if (map([middle, 0], options).x[0] < x) low = middle; else high = middle;
    }
    return [(low + high) / 2, (y - options.c * x) / D];
  };
  const logWeight = (x, options) => { // of any point of the plane
    const z = invert(x, options);
    return logF(x) - logNormal(z) + map(z, options).logDet;
  };
  const estimate = logW => { // log of the mean weight, its error, and the effective share
    const n = logW.length, top = Math.max(...logW), w = logW.map(v => Math.exp(v - top));
    const sum = w.reduce((a, b) => a + b), share = sum ** 2 / w.reduce((a, b) => a + b * b, 0) / n;
    return { logZ: top + Math.log(sum / n), share, error: share >= 0.02 ? Math.sqrt((1 / share - 1) / n) : NaN };
  };

  genbook.explorables.flow = stage => {
    const chance = genbook.chance(12), noise = Array.from({ length: 2000 }, () => [chance.normal(), chance.normal()]), W = 226, R = 2.6, cells = 60;
    const picture = document.createElement("canvas");
    picture.width = picture.height = cells;
    let points = [], found;
    const options = () => ({ m: m.value, s: s.value, b: b.value, k: k.value, c: c.value });
    const X = v => (v + R) / (2 * R) * W, Y = v => (R - v) / (2 * R) * W;
    const plane = (c, colours, move, cloud) => {
      c.fillStyle = colours.orange;
      for (const [x, y] of cloud.slice(0, 700)) c.fillRect(X(x) - 1, Y(y) - 1, 2, 2);
      c.strokeStyle = colours.muted;
      c.lineWidth = 0.8;
      for (let i = -4; i <= 4; i++) for (const turned of [0, 1]) {
        c.beginPath();
        for (let j = -60; j <= 60; j++) {
          const z = turned ? [j / 30, i / 2] : [i / 2, j / 30], [x, y] = move(z);
          j > -60 ? c.lineTo(X(x), Y(y)) : c.moveTo(X(x), Y(y));
        }
        c.stroke();
      }
      c.strokeStyle = colours.border;
      c.lineWidth = 1;
      c.strokeRect(0.5, 0.5, W - 1, W - 1);
    };
    stage.panel("Round noise and a square grid", W, W, (c, colours) => plane(c, colours, z => z, noise), "noise", "half");
    stage.panel("The noise and the grid after the map, over the two wells", W, W, (c, colours) => {
      const image = new ImageData(cells, cells), rgb = colours.dark ? [86, 150, 200] : [0, 114, 178];
      for (let i = 0; i < cells; i++) for (let j = 0; j < cells; j++) {
        image.data.set([...rgb, 200 * Math.exp(logF([(j + 0.5) / cells * 2 * R - R, R - (i + 0.5) / cells * 2 * R]))], 4 * (i * cells + j));
      }
      picture.getContext("2d").putImageData(image, 0, 0);
      c.imageSmoothingEnabled = true;
      c.drawImage(picture, 0, 0, W, W);
      plane(c, colours, z => map(z, options()).x, points);
    }, "after your map", "half");
    stage.panel("The estimate of log Z with its error, beside the exact value and the value of one well", 214, W, (c, colours) => {
      const { line, dot, Y: y } = genbook.axes(c, colours, { w: 214, h: W, x: [0, 2], y: [-1.6, 0.6], ylabel: "log Z", yticks: [-1.5, -1, -0.5, 0, 0.5], bottom: 16, left: 50 });
      line([0, 2], [LOG_Z, LOG_Z], colours.blue);
      line([0, 2], [LOG_Z - Math.LN2, LOG_Z - Math.LN2], colours.muted, [4, 3]);
      c.textAlign = "left";
      c.fillStyle = colours.blue;
      c.fillText("exact", 56, y(LOG_Z) - 8);
      c.fillStyle = colours.muted;
      c.fillText("one well", 56, y(LOG_Z - Math.LN2) - 8);
      if (Number.isFinite(found.error)) line([1.2, 1.2], [found.logZ - 2 * found.error, found.logZ + 2 * found.error], colours.orange);
      dot(1.2, Math.max(-1.55, Math.min(0.55, found.logZ)), colours.orange, 5);
    }, "what the weights say");
    const shown = {
      exact: stage.number("exact log Z", true), logZ: stage.number("estimate of 2000 points"), share: stage.number("effective share"),
      right: stage.number("log-weight in the right well"), left: stage.number("log-weight in the left well"),
    };
    const changed = () => {
      k.value = k.value; // its words depend on the split
      const all = noise.map(z => map(z, options()));
      points = all.map(a => a.x);
      found = estimate(all.map((a, i) => logF(a.x) - logNormal(noise[i]) + a.logDet));
      const outside = point => { const v = logWeight(point, options()); return v > 1000 ? "above 1000" : genbook.fixed(v, 1); };
      shown.exact(genbook.fixed(LOG_Z, 4));
      shown.logZ(Number.isFinite(found.error) ? `${genbook.fixed(found.logZ, 3)} ± ${genbook.fixed(found.error, 3)}` : `${genbook.fixed(found.logZ, 2)}, no honest error`);
      shown.share(`${genbook.fixed(100 * found.share, 1)} %`);
      shown.right(outside([1, 1]));
      shown.left(outside([-1, -1]));
      stage.say(`log Z ${genbook.fixed(found.logZ, 2)}, exact ${genbook.fixed(LOG_Z, 2)}, effective share ${genbook.fixed(100 * found.share, 0)} per cent.`);
      stage.draw();
    };
    const knob = (label, min, max, step, value, show = v => genbook.fixed(v)) => stage.slider(label, { min, max, step, value, show }, changed);
    const m = knob("Centre", -1.5, 1.5, 0.05, 0.95), s = knob("Width", 0.05, 1, 0.01, 0.16), b = knob("Split", 0, 1.3, 0.05, 0);
    const k = knob("Sharpness", 1, 20, 0.5, 4, v => `${genbook.fixed(v)}${b.value ? "" : " (needs a split)"}`), c = knob("Shear", -1, 2, 0.05, 1);
    const put = (...values) => { [m, s, b, k, c].forEach((slider, i) => { slider.value = values[i]; }); changed(); };
    stage.button("One well", () => put(0.95, 0.16, 0, 4, 1));
    stage.button("Both wells", () => put(0, 0.16, 0.85, 4, 1));
    stage.button("Far too wide", () => put(0, 1, 0, 4, 1));
    changed();
    const pose = () => put(0, 0.16, 0.85, 4, 1);
    return { pose, LOG_Z, logF, map, invert, logWeight, estimate, put, get found() { return found; } };
  };
})();
