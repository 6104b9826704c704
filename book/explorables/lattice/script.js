// The three shipped flows of the lattice field, weighed for any hopping parameter.
(() => {
  const K = genbook.kernels, L = 8, M = 64, HALF = 32, LAMBDA = 0.5, COUPLINGS = 8;
  const RUNS = { symmetric: { kappa: 0.28, even: true }, critical: { kappa: 0.32, even: true }, broken: { kappa: 0.4, even: false } };
  const COLOURS = [0, 1].map(odd => Array.from({ length: M }, (_, x) => x).filter(x => (Math.floor(x / L) + x) % 2 === odd));
  // Hopping parameter, log Z of 8 x 8 sites by thermodynamic integration (51 200 fields of chains at each), and its slope.
  const REFERENCE = [
    [0.2, 19.795, 29.90], [0.24, 21.207, 41.59], [0.28, 23.222, 60.95], [0.29, 23.865, 68.01], [0.3, 24.591, 77.70],
    [0.31, 25.433, 91.48], [0.32, 26.432, 108.82], [0.33, 27.622, 129.86], [0.34, 29.044, 155.29],
    [0.35, 30.741, 183.94], [0.36, 32.708, 208.95], [0.37, 34.915, 232.32], [0.38, 37.348, 253.75],
    [0.39, 39.982, 272.77], [0.4, 42.796, 289.81], [0.41, 45.780, 306.93], [0.42, 48.925, 321.97],
    [0.43, 52.227, 338.48], [0.44, 55.686, 352.43],
  ];
  const reference = kappa => { // between two of them, the cubic that has their values and slopes
    const k = Math.min(REFERENCE.length - 2, Math.max(0, REFERENCE.findLastIndex(([at]) => at <= kappa)));
    const [[a, u, slopeA], [b, v, slopeB]] = REFERENCE.slice(k, k + 2), h = b - a, t = (kappa - a) / h, r = 1 - t;
    return r * r * ((1 + 2 * t) * u + t * h * slopeA) + t * t * ((3 - 2 * t) * v - r * h * slopeB);
  };

  // The field of white noise that has the learnt power at each momentum: a product with a matrix of sites.
  const spectrum = net => {
    const power = net.log_power.data, side = L / 2 + 1, fold = k => Math.min(k, L - k);
    const at = (a, b) => (power[fold(a) * side + fold(b)] + power[fold(b) * side + fold(a)]) / 2;
    const kernel = new Float64Array(M);
    let sum = 0;
    for (let a = 0; a < L; a++) for (let b = 0; b < L; b++) {
      sum += at(a, b);
      for (let x = 0; x < M; x++) kernel[x] += Math.exp(at(a, b) / 2) * Math.cos(2 * Math.PI * (a * Math.floor(x / L) + b * (x % L)) / L) / M;
    }
    const matrix = new Float32Array(M * M);
    for (let x = 0; x < M; x++) for (let y = 0; y < M; y++) {
      const row = (Math.floor(x / L) - Math.floor(y / L) + L) % L, column = (x - y + M) % L;
      matrix[x * M + y] = kernel[row * L + column];
    }
    return { matrix, sum };
  };

  // Noise, a column for each field, M x n, to fields and their log-densities; `passed` couplings of eight.
  const flow = (net, even, noise, n, passed = COUPLINGS) => {
    const { matrix, sum } = spectrum(net), logQ = new Float64Array(n);
    const phi = K.product(new Float32Array(M * n), matrix, noise, M, M, n);
    for (let i = 0; i < n; i++) {
      for (let x = 0; x < M; x++) logQ[i] -= noise[x * n + i] ** 2 / 2;
      logQ[i] -= M / 2 * Math.log(2 * Math.PI) + sum / 2;
    }
    const parts = COLOURS.map(sites => {
      const part = new Float32Array(HALF * n);
      sites.forEach((x, k) => part.set(phi.subarray(x * n, (x + 1) * n), k * n));
      return part;
    });
    const layer = (name, x) => {
      const { data, shape: [outputs, inputs] } = net[`${name}.weight`], bias = net[`${name}.bias`]?.data;
      const out = new Float32Array(outputs * n);
      if (bias) bias.forEach((v, k) => out.fill(v, k * n, (k + 1) * n));
      return K.product(out, data, x, outputs, inputs, n);
    };
    for (let l = 0; l < passed; l++) {
      const moved = parts[1 - l % 2], h = K.tanh(layer(`second.${l}`, K.tanh(layer(`first.${l}`, parts[l % 2]))));
      const s = K.tanh(layer(`scale.${l}`, even ? h.map(v => v * v) : h)), t = layer(`shift.${l}`, h);
      for (let k = 0; k < HALF; k++) for (let i = 0; i < n; i++) {
        const at = k * n + i;
        moved[at] = moved[at] * Math.exp(s[at]) + t[at];
        logQ[i] -= s[at];
      }
    }
    COLOURS.forEach((sites, c) => sites.forEach((x, k) => phi.set(parts[c].subarray(k * n, (k + 1) * n), x * n)));
    return { phi, logQ };
  };

  // Of each field: S without the hopping, the sum over the bonds, the mean, and the part of the virial without hopping.
  const measure = (phi, n) => {
    const of = { potential: new Float64Array(n), bonds: new Float64Array(n), mean: new Float64Array(n), virial: new Float64Array(n) };
    for (let x = 0; x < M; x++) {
      const right = Math.floor(x / L) * L + (x + 1) % L, below = (x + L) % M;
      for (let i = 0; i < n; i++) {
        const v = phi[x * n + i], square = v * v;
        of.potential[i] += square + LAMBDA * (square - 1) ** 2;
        of.bonds[i] += v * (phi[right * n + i] + phi[below * n + i]);
        of.mean[i] += v / M;
        of.virial[i] += 2 * square + 4 * LAMBDA * square * (square - 1);
      }
    }
    return of;
  };

  // What the weights exp(-S) / q say at a hopping parameter.
  const weigh = ({ of, logQ }, kappa) => {
    const n = logQ.length, logW = logQ.map((q, i) => 2 * kappa * of.bonds[i] - of.potential[i] - q), top = logW.reduce((a, b) => Math.max(a, b));
    const w = logW.map(v => Math.exp(v - top)), sum = w.reduce((a, b) => a + b), share = sum ** 2 / w.reduce((a, b) => a + b * b, 0) / n;
    const mean = f => w.reduce((total, v, i) => total + v * f(i), 0) / sum;
    return {
      w, share, logZ: top + Math.log(sum / n), error: Math.sqrt((1 / share - 1) / n),
      virial: mean(i => of.virial[i] - 4 * kappa * of.bonds[i]) / M, field: mean(i => of.mean[i]),
    };
  };

  genbook.explorables.lattice = stage => {
    const N = 2000, W = 216, GRID = Array.from({ length: 47 }, (_, k) => 0.2 + k * 0.005), HONEST = 0.02;
    let seed = 3, drawn = {}, curves = {}, noise;
    const draw = () => {
      noise = genbook.chance(seed).normals(M * N);
      drawn = {};
      curves = {};
    };
    const current = () => {
      const name = run.value;
      if (!drawn[name]) {
        const { phi, logQ } = flow(genbook.tensors(`lattice_${name}`), RUNS[name].even, noise, N);
        drawn[name] = { phi, logQ, of: measure(phi, N) };
        curves[name] = GRID.map(kappa => weigh(drawn[name], kappa));
      }
      return drawn[name];
    };
    const tint = (v, colours) => { // blue below zero, the ground at zero, orange above
      const [r, g, b] = v < 0 ? (colours.dark ? [86, 180, 233] : [0, 114, 178]) : colours.dark ? [230, 159, 0] : [213, 94, 0];
      const size = Math.min(1, Math.abs(v) / 1.6), ground = colours.dark ? 24 : 255;
      return `rgb(${[r, g, b].map(c => Math.round(ground + (c - ground) * size)).join()})`;
    };
    stage.panel("Six fields of the flow, blue where they are negative and orange where they are positive, each with a bar for its weight", W, W, (c, colours) => {
      const name = run.value, few = new Float32Array(M * 6);
      for (let x = 0; x < M; x++) for (let i = 0; i < 6; i++) few[x * 6 + i] = noise[x * N + i];
      const phi = passed.value === 0 ? few : flow(genbook.tensors(`lattice_${name}`), RUNS[name].even, few, 6, passed.value - 1).phi;
      const { w } = found, average = w.reduce((a, b) => a + b) / N, s = 8;
      for (let i = 0; i < 6; i++) {
        const [left, top] = [i % 3 * 75 + 1, Math.floor(i / 3) * 110 + 4];
        for (let x = 0; x < M; x++) {
          c.fillStyle = tint(phi[x * 6 + i], colours);
          c.fillRect(left + x % L * s, top + Math.floor(x / L) * s, s + 0.3, s + 0.3);
        }
        c.strokeStyle = colours.border;
        c.strokeRect(left + 0.5, top + 0.5, L * s, L * s);
        c.strokeRect(left + 0.5, top + 72.5, L * s, 9);
        c.fillStyle = colours.green;
        c.fillRect(left + 1, top + 73, (L * s - 1) * Math.min(1, w[i] / average / 4), 8);
        c.fillStyle = colours.ink;
        c.textAlign = "left";
        c.fillText(shortly(w[i] / average), left, top + 96);
      }
    }, "six fields; bar: its weight (mean 1)", "late");
    const shortly = v => v < 0.01 ? "< 0.01" : v.toFixed(v < 10 ? 2 : 0);
    const along = (c, colours, options, of) => {
      const axes = genbook.axes(c, colours, { w: W, h: W, x: [0.2, 0.43], xlabel: "hopping parameter κ", xticks: [0.2, 0.3, 0.4], left: 54, bottom: 32, ...options });
      axes.line([RUNS[run.value].kappa, RUNS[run.value].kappa], options.y, colours.border, [3, 3]);
      for (const [name, curve] of Object.entries(curves)) if (name !== run.value) axes.line(GRID, curve.map((p, k) => of(p, GRID[k])), colours.border);
      axes.line(GRID, curves[run.value].map((p, k) => of(p, GRID[k])), colours.blue);
      return axes;
    };
    stage.panel("The effective share of the flow's fields against the hopping parameter, with a dot at the one chosen", W, W, (c, colours) => {
      const { dot } = along(c, colours, { y: [-3.2, 0], ylabel: "effective share" }, p => Math.log10(p.share));
      c.fillStyle = colours.ink;
      c.textAlign = "right";
      c.textBaseline = "middle";
      ["1", "0.1", "0.01", "0.001"].forEach((text, k) => c.fillText(text, 50, 10 + k * (W - 42) / 3.2));
      dot(kappa.value, Math.log10(found.share), colours.orange, 5);
    }, "the share that counts");
    stage.panel("Log Z by the weights minus the value of thermodynamic integration, with error bar; a line at zero and one at minus log 2", W, W, (c, colours) => {
      const low = -1.6, { line, dot, Y } = along(c, colours, { y: [low, 0.8], ylabel: "log Z − reference", yticks: [-1.5, -1, -0.5, 0, 0.5] }, (p, at) => p.logZ - reference(at));
      line([0.2, 0.43], [0, 0], colours.green);
      line([0.2, 0.43], [-Math.LN2, -Math.LN2], colours.muted, [4, 3]);
      c.fillStyle = colours.muted;
      c.textAlign = "left";
      c.fillText("−log 2", 58, Y(-Math.LN2) + 9);
      const off = found.logZ - reference(kappa.value), at = Math.max(low + 0.05, Math.min(0.75, off));
      c.lineWidth = 2;
      if (found.share >= HONEST) line([kappa.value, kappa.value], [off - 2 * found.error, off + 2 * found.error], colours.orange);
      dot(kappa.value, at, colours.orange, 5);
    }, "what the weights make of log Z");
    const shown = {
      share: stage.number("effective share"), count: stage.number("fields that count, of 2000"), logZ: stage.number("log Z by the weights"),
      reference: stage.number("log Z by chains"), virial: stage.number("⟨φ·∇S⟩/M (must be 1)", true), field: stage.number("mean field (must be 0)"),
    };
    let found;
    const changed = () => {
      found = weigh(current(), kappa.value);
      const honest = found.share >= HONEST;
      shown.share(genbook.fixed(found.share, found.share < 0.01 ? 4 : 3));
      shown.count(genbook.fixed(found.share * N, found.share * N < 10 ? 1 : 0));
      shown.logZ(honest ? `${genbook.fixed(found.logZ, 2)} ± ${genbook.fixed(found.error, 2)}` : `${genbook.fixed(found.logZ, 1)}, no honest error`);
      shown.reference(genbook.fixed(reference(kappa.value), 2));
      shown.virial(genbook.fixed(found.virial, 2));
      shown.field(genbook.fixed(found.field, 2));
      stage.say(`At kappa ${genbook.fixed(kappa.value, 3)} the effective share is ${genbook.fixed(found.share, 3)}; log Z is off by ${genbook.fixed(found.logZ - reference(kappa.value), 2)}.`);
      stage.draw();
    };
    const run = stage.choice("Flow trained at", { symmetric: "κ = 0.28, even", critical: "κ = 0.32, even", broken: "κ = 0.40, not even" }, "critical", changed);
    const kappa = stage.slider("Weighed for κ", { min: 0.2, max: 0.43, step: 0.005, value: 0.32, show: v => genbook.fixed(v, 3) }, changed);
    const passed = stage.slider("Shown after", { min: 0, max: 9, step: 1, value: 9, show: v => v === 0 ? "nothing: the noise" : v === 1 ? "the spectrum" : `${v - 1} of 8 couplings` }, changed);
    stage.button("Other noise", () => { seed++; draw(); changed(); });
    draw();
    changed();
    const pose = () => { for (const name of ["symmetric", "broken", "critical"]) { run.value = name; changed(); } };
    return { pose, flow, measure, weigh, reference, run, kappa, RUNS, L, get found() { return found; } };
  };
})();
