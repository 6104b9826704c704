// The chapter's mixture in the plane: density, score and particles at each diffusion time, and the ways back.
(() => {
  const weights = [0.5, 0.3, 0.2], means = [[-1.1, -0.5], [1.2, -0.6], [0.3, 1.3]];
  const covariances = [[0.10, 0.06, 0.10], [0.04, 0, 0.20], [0.20, -0.03, 0.04]]; // xx, xy, yy
  const LAST = 3;

  const at = u => { // the components at the time u, with what their densities need
    const a = Math.exp(-u), s2 = -Math.expm1(-2 * u);
    return weights.map((w, k) => {
      const [xx, xy, yy] = covariances[k].map((c, i) => a * a * c + (i === 1 ? 0 : s2)), det = xx * yy - xy * xy;
      return { m: means[k].map(v => a * v), xx, yy, inverse: [yy / det, -xy / det, xx / det], front: w / (2 * Math.PI * Math.sqrt(det)) };
    });
  };
  const pull = (c, x, y) => { // minus the gradient of half the squared distance, and the density with its weight
    const dx = x - c.m[0], dy = y - c.m[1], [p, q, r] = c.inverse, gx = -(p * dx + q * dy), gy = -(q * dx + r * dy);
    return [gx, gy, c.front * Math.exp((dx * gx + dy * gy) / 2)];
  };
  const density = (cs, x, y) => cs.reduce((sum, c) => sum + pull(c, x, y)[2], 0);
  const score = (cs, x, y) => {
    let sx = 0, sy = 0, all = 1e-300, best = -Infinity, far = null;
    for (const c of cs) {
      const [gx, gy, p] = pull(c, x, y);
      sx += p * gx; sy += p * gy; all += p;
      const e = (gx * (x - c.m[0]) + gy * (y - c.m[1])) / 2;
      if (e > best) { best = e; far = [gx, gy]; }
    }
    return all > 1e-200 ? [sx / all, sy / all] : far; // far from everything: the nearest component
  };
  const guided = (cs, x, y, label, scale) => {
    const all = score(cs, x, y);
    if (label < 0) return all;
    const [gx, gy] = pull(cs[label], x, y);
    return [all[0] + scale * (gx - all[0]), all[1] + scale * (gy - all[1])];
  };
  const secondMoment = (u, label = -1) => {
    const cs = at(u), of = c => c.m[0] ** 2 + c.m[1] ** 2 + c.xx + c.yy;
    return label < 0 ? cs.reduce((sum, c, k) => sum + weights[k] * of(c), 0) : of(cs[label]);
  };

  class Cloud {
    constructor(n, chance) {
      this.n = n;
      this.chance = chance;
      this.data = Array.from({ length: n }, () => { // points of the mixture, by Cholesky
        const v = chance.uniform(), k = v < weights[0] ? 0 : v < weights[0] + weights[1] ? 1 : 2;
        const [xx, xy, yy] = covariances[k], l = Math.sqrt(xx), z = chance.normal();
        return [means[k][0] + l * z, means[k][1] + xy / l * z + Math.sqrt(yy - xy * xy / xx) * chance.normal()];
      });
      this.noise = Array.from({ length: n }, () => [chance.normal(), chance.normal()]);
      this.dissolve(0);
    }

    dissolve(u) { // forwards, at once
      const a = Math.exp(-u), s = Math.sqrt(-Math.expm1(-2 * u));
      this.x = this.data.map(([x, y], k) => [a * x + s * this.noise[k][0], a * y + s * this.noise[k][1]]);
      this.u = u;
    }

    step(u, { zeta, label = -1, scale = 1 }) { // backwards, from this.u to the earlier u
      const h = this.u - u, cs = at(this.u), kick = Math.sqrt(2 * zeta * h), { normal } = this.chance;
      this.x = this.x.map(([x, y]) => {
        const [sx, sy] = guided(cs, x, y, label, scale);
        const to = [x + h * (x + (1 + zeta) * sx), y + h * (y + (1 + zeta) * sy)];
        return zeta ? [to[0] + kick * normal(), to[1] + kick * normal()] : to;
      });
      this.u = u;
    }

    get second() { // the mean of x^2 + y^2, and its standard error
      const values = this.x.map(([x, y]) => x * x + y * y), mean = values.reduce((a, b) => a + b) / this.n;
      return [mean, Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0)) / this.n];
    }
  }

  const clock = (k, n) => LAST * (1 - k / n) ** 2; // short steps where the clouds are narrow

  genbook.explorables.diffusion = stage => {
    const cloud = new Cloud(700, genbook.chance(5)), W = 320, R = 3, steps = 200;
    const X = x => (x + R) / (2 * R) * W, Y = y => (R - y) / (2 * R) * W;
    let k = -1, paths = [], seen = [];
    const cells = 64, picture = document.createElement("canvas");
    picture.width = picture.height = cells;

    stage.panel("Density, score arrows and particles at the time shown", W, W, (c, colours) => {
      const cs = at(cloud.u), values = new Float64Array(cells * cells);
      let top = 0;
      for (let i = 0; i < cells; i++) for (let j = 0; j < cells; j++) {
        top = Math.max(top, values[i * cells + j] = density(cs, (j + 0.5) / cells * 2 * R - R, R - (i + 0.5) / cells * 2 * R));
      }
      const image = new ImageData(cells, cells), rgb = colours.dark ? [86, 150, 200] : [0, 114, 178];
      values.forEach((v, i) => image.data.set([...rgb, 150 * Math.sqrt(v / top)], 4 * i));
      picture.getContext("2d").putImageData(image, 0, 0);
      c.imageSmoothingEnabled = true;
      c.drawImage(picture, 0, 0, W, W);
      c.fillStyle = colours.orange;
      for (const [x, y] of cloud.x) c.fillRect(X(x) - 1, Y(y) - 1, 2, 2);
      c.strokeStyle = colours.muted;
      c.lineWidth = 1;
      for (let i = 0; i < 11; i++) for (let j = 0; j < 11; j++) {
        const x = (j - 5) * 0.54, y = (i - 5) * 0.54, [sx, sy] = guided(cs, x, y, Number(label.value), scale.value);
        const size = Math.hypot(sx, sy), l = 0.42 * size / (size + 3), dx = sx / size * l, dy = sy / size * l;
        c.beginPath();
        c.moveTo(X(x), Y(y));
        c.lineTo(X(x + dx), Y(y + dy));
        c.stroke();
        const turn = Math.atan2(-dy, dx), long = Math.min(5, 0.7 * l * W / (2 * R));
        const head = [0, 2.6, -2.6].map(a => [X(x + dx) + (a ? long * Math.cos(turn + a) : 0), Y(y + dy) + (a ? long * Math.sin(turn + a) : 0)]);
        c.beginPath();
        head.forEach(p => c.lineTo(...p));
        c.fillStyle = colours.muted;
        c.fill();
      }
      c.strokeStyle = colours.ink;
      c.lineWidth = 1.3;
      for (const path of paths) {
        c.beginPath();
        path.forEach(([x, y], i) => i ? c.lineTo(X(x), Y(y)) : c.moveTo(X(x), Y(y)));
        c.stroke();
      }
      c.strokeStyle = colours.border;
      c.strokeRect(0.5, 0.5, W - 1, W - 1);
    }, "particles, and the arrows of the score");
    const us = Array.from({ length: 100 }, (_, i) => LAST * i / 99);
    stage.panel("Mean squared distance from the origin against the diffusion time: exact curve, and dots for the particles", 300, 240, (c, colours) => {
      const { line, dot } = genbook.axes(c, colours, { w: 300, h: 240, x: [LAST, 0], y: [0.5, 3], xlabel: "diffusion time u, run backwards to 0", ylabel: "mean of x₁² + x₂²", xticks: [3, 2, 1, 0], yticks: [1, 2, 3] });
      const exact = label.value === "-1" ? -1 : scale.value === 1 ? Number(label.value) : null;
      if (exact !== null) line(us, us.map(u => secondMoment(u, exact)), colours.blue);
      for (const [u, m] of seen) if (m < 3) dot(u, m, colours.orange, 2);
      if (cloud.second[0] < 3) dot(cloud.u, cloud.second[0], colours.orange, 5);
    }, "their mean squared distance from the origin", "late");

    const shown = { u: stage.number("diffusion time u"), exact: stage.number("exact mean of x₁² + x₂²", true), found: stage.number("of the 700 particles"), way: stage.number("this cloud was") };
    const say = () => {
      const [mean, error] = cloud.second, asked = Number(label.value), back = k >= 0;
      shown.u(genbook.fixed(cloud.u));
      shown.exact(asked >= 0 && (scale.value !== 1 || !back) ? "no closed form" : genbook.fixed(secondMoment(cloud.u, asked), 3));
      shown.found(mean < 100 ? `${genbook.fixed(mean, 3)} ± ${genbook.fixed(error, 3)}` : "beyond 100");
      shown.way(back ? "run back from noise" : "dissolved from the data");
    };
    const time = stage.slider("Dissolve the data: u", { min: 0, max: LAST, step: 0.01, value: 0, show: x => genbook.fixed(x) }, u => {
      stage.loop.pause();
      k = -1;
      paths = [];
      seen = [];
      cloud.dissolve(u);
      say();
      stage.say(`Dissolved to the time ${genbook.fixed(u)}.`);
      stage.draw();
    });
    const restart = () => { k = -1; say(); stage.draw(); };
    const zeta = stage.slider("Kicks on the way back ζ", { min: 0, max: 3, step: 0.1, value: 0, show: x => x === 0 ? "0 (current)" : x === 1 ? "1.0 (Anderson)" : genbook.fixed(x, 1) }, restart);
    const count = stage.slider("Steps on the way back", { min: 5, max: steps, step: 5, value: 100 }, restart);
    const label = stage.choice("Component asked for", { "-1": "none: all three", 0: "the left one", 1: "the right one", 2: "the upper one" }, "-1", restart);
    const scale = stage.slider("Guidance γ", { min: 0, max: 5, step: 0.5, value: 1, show: x => genbook.fixed(x, 1) }, restart);

    const step = () => {
      if (k < 0 || k >= count.value) { // from fresh noise, which at this time is all that is left
        cloud.noise = cloud.noise.map(() => [cloud.chance.normal(), cloud.chance.normal()]);
        cloud.dissolve(LAST);
        k = 0;
        paths = Array.from({ length: 6 }, (_, i) => [cloud.x[i]]);
        seen = [];
      }
      cloud.step(clock(++k, count.value), { zeta: zeta.value, label: Number(label.value), scale: scale.value });
      paths.forEach((path, i) => path.push(cloud.x[i]));
      seen.push([cloud.u, cloud.second[0]]);
      time.value = cloud.u;
      say();
      if (k === count.value) stage.say(`Arrived. Mean squared distance ${genbook.fixed(cloud.second[0], 2)}, exact ${genbook.fixed(secondMoment(0, Number(label.value)), 2)}.`);
      return k === count.value;
    };
    const loop = stage.run(step, { playing: false, step: "One step back" });
    say();
    const pose = () => { for (let i = 0; i < 72; i++) step(); stage.draw(); };
    return { pose, at, density, score, guided, secondMoment, Cloud, clock, step, loop, cloud };
  };
})();
