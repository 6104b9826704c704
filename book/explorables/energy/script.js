// An Ising lattice under heat-bath and cluster moves, beside what is known exactly. J = 1, periodic.
(() => {
  const T_C = 2 / Math.log(1 + Math.SQRT2);

  class Lattice {
    constructor(L, chance) {
      this.L = L;
      this.s = new Int8Array(L * L);
      this.chance = chance;
      this.randomise();
    }

    randomise() { for (let k = 0; k < this.s.length; k++) this.s[k] = this.chance.uniform() < 0.5 ? 1 : -1; }

    around(k) { // right, left, below, above
      const L = this.L, j = k % L, row = k - j, M = L * L;
      return [row + (j + 1) % L, row + (j + L - 1) % L, (k + L) % M, (k + M - L) % M];
    }

    heatBath(T, B) { // every spin is redrawn once, row by row
      const { s, L } = this, M = L * L, u = this.chance.uniform;
      const up = [-4, -2, 0, 2, 4].map(sum => 1 / (1 + Math.exp(-2 * (sum + B) / T)));
      for (let i = 0, k = 0; i < L; i++) for (let j = 0; j < L; j++, k++) {
        const row = i * L;
        const sum = s[row + (j + 1) % L] + s[row + (j + L - 1) % L] + s[(k + L) % M] + s[(k + M - L) % M];
        s[k] = u() < up[(sum + 4) / 2] ? 1 : -1;
      }
    }

    clusters(T, B) { // Swendsen and Wang; a field decides the sign of a cluster by its size
      const { s, L } = this, M = L * L, u = this.chance.uniform, open = -Math.expm1(-2 / T);
      const root = Int32Array.from({ length: M }, (_, k) => k);
      const find = k => { while (root[k] !== k) k = root[k] = root[root[k]]; return k; };
      for (let i = 0, k = 0; i < L; i++) for (let j = 0; j < L; j++, k++) {
        for (const other of [i * L + (j + 1) % L, (k + L) % M]) {
          if (s[k] === s[other] && u() < open) root[find(k)] = find(other);
        }
      }
      const size = new Int32Array(M), sign = new Int8Array(M);
      for (let k = 0; k < M; k++) size[find(k)]++;
      for (let k = 0; k < M; k++) if (size[k]) sign[k] = u() < 1 / (1 + Math.exp(-2 * B * size[k] / T)) ? 1 : -1;
      for (let k = 0; k < M; k++) s[k] = sign[find(k)];
    }

    get energy() { // per spin, without the field
      const { s, L } = this, M = L * L;
      let sum = 0;
      for (let i = 0, k = 0; i < L; i++) for (let j = 0; j < L; j++, k++) sum += s[k] * (s[i * L + (j + 1) % L] + s[(k + L) % M]);
      return -sum / M;
    }

    get magnetisation() { return this.s.reduce((a, b) => a + b, 0) / this.s.length; }
  }

  // Kaufman's ln Z of the periodic L x L lattice at K = 1/T, and from it the energy per spin.
  const logCosh2 = x => Math.abs(x) + Math.log1p(Math.exp(-2 * Math.abs(x)));
  const logSinh2 = x => Math.abs(x) + Math.log(-Math.expm1(-2 * Math.abs(x)));
  function logZ(L, K) {
    const s = Math.sinh(2 * K), gamma = l => l ? Math.acosh(s + 1 / s - Math.cos(Math.PI * l / L)) : 2 * K + Math.log(Math.tanh(K));
    const terms = [0, 0, 0, 0];
    for (let r = 0; r < L; r++) {
      const odd = L * gamma(2 * r + 1) / 2, even = L * gamma(2 * r) / 2;
      [logCosh2(odd), logSinh2(odd), logCosh2(even), logSinh2(even)].forEach((x, k) => { terms[k] += x; });
    }
    const top = Math.max(...terms), signs = [1, 1, 1, Math.sign(gamma(0))];
    const sum = terms.reduce((a, x, k) => a + signs[k] * (x > -Infinity ? Math.exp(x - top) : 0), 0);
    return L * L / 2 * Math.log(2 * s) - Math.LN2 + top + Math.log(sum);
  }
  const exactEnergy = (L, T) => -(logZ(L, 1 / T + 1e-5) - logZ(L, 1 / T - 1e-5)) / 2e-5 / (L * L);
  const exactMagnetisation = T => T < T_C ? (1 - Math.sinh(2 / T) ** -4) ** 0.125 : 0;

  function drawLattice(c, colours, lattice, picture, side) {
    const L = lattice.L, rgb = colours.dark ? [[86, 180, 233], [32, 38, 46]] : [[0, 90, 150], [238, 242, 246]], data = new ImageData(L, L);
    picture.width = picture.height = L;
    lattice.s.forEach((s, k) => data.data.set([...rgb[s > 0 ? 0 : 1], 255], 4 * k));
    picture.getContext("2d").putImageData(data, 0, 0);
    c.imageSmoothingEnabled = false;
    c.drawImage(picture, 0, 0, side, side);
  }
  genbook.ising = { Lattice, exactEnergy, draw: drawLattice }; // for the title page, too

  genbook.explorables.energy = stage => {
    const chance = genbook.chance(7), temperatures = Array.from({ length: 91 }, (_, k) => 0.5 + 0.05 * k);
    let lattice = new Lattice(64, chance), curve, trace = [], steps = 0, blocks = [], block = [], mean = NaN, error = NaN;
    const picture = document.createElement("canvas");
    const again = () => { steps = 0; blocks = []; block = []; mean = error = NaN; };

    stage.panel("The lattice: one colour a direction of the spins", 214, 214, (c, colours) => drawLattice(c, colours, lattice, picture, 214), "the lattice: up is blue");
    const chart = (what, y, ticks, exact, found) => (c, colours) => {
      const { line, dot } = genbook.axes(c, colours, { w: 226, h: 214, x: [0.5, 5], y, xlabel: "temperature T", ylabel: what, xticks: [1, 2, 3, 4, 5], yticks: ticks });
      line([T_C, T_C], y, colours.border, [3, 3]);
      exact(line, colours);
      dot(T.value, found(), colours.orange, 5);
    };
    stage.panel("Energy per spin against temperature: the exact curve, and a dot where the lattice is", 226, 214,
      chart("energy per spin u", [-2.1, 0.1], [-2, -1, 0], (line, colours) => line(temperatures, curve, colours.blue), () => lattice.energy), "energy: the exact curve", "late");
    stage.panel("Magnetisation against temperature: the two exact branches, and a dot where the lattice is", 226, 214,
      chart("magnetisation m", [-1.1, 1.1], [-1, 0, 1], (line, colours) => {
        const fine = Array.from({ length: 200 }, (_, k) => 0.5 + (T_C - 0.5) * (1 - (1 - k / 199) ** 3));
        for (const sign of [1, -1]) line([...fine, 5], [...fine.map(t => sign * exactMagnetisation(t)), 0], colours.blue);
      }, () => lattice.magnetisation), "magnetisation: two branches", "late");
    stage.panel("Magnetisation against time, the last 400 steps", 380, 100, (c, colours) => {
      const { line } = genbook.axes(c, colours, { w: 380, h: 100, x: [0, 400], y: [-1.1, 1.1], ylabel: "m", xlabel: "the last 400 steps", yticks: [-1, 0, 1] });
      line([0, 400], [0, 0], colours.border);
      line(trace.map((_, k) => 400 - trace.length + k), trace, colours.orange);
    }, "magnetisation as time goes on");

    const shown = {
      u: stage.number("energy per spin"), exact: stage.number("exact energy per spin", true),
      m: stage.number("magnetisation now"), branch: stage.number("exact, infinite lattice"), steps: stage.number("steps"),
    };
    const say = () => {
      const free = B.value === 0;
      shown.u(Number.isFinite(error) ? `${genbook.fixed(mean, 4)} ± ${genbook.fixed(error, 4)}` : Number.isFinite(mean) ? `${genbook.fixed(mean, 3)}, mean so far` : `${genbook.fixed(lattice.energy, 3)} now`);
      shown.exact(free ? genbook.fixed(exactEnergy(lattice.L, T.value), 4) : "not known in a field");
      shown.m(genbook.fixed(lattice.magnetisation, 3));
      shown.branch(!free ? "for B = 0 only" : T.value < T_C ? `±${genbook.fixed(exactMagnetisation(T.value), 3)}` : "0");
      shown.steps(String(steps));
    };
    const changed = () => {
      again();
      say();
      stage.say(`Temperature ${T.value}, field ${B.value}.`);
      stage.draw();
    };
    const size = stage.choice("Lattice", { 4: "4 × 4", 16: "16 × 16", 64: "64 × 64" }, "64", L => {
      lattice = new Lattice(Number(L), chance);
      trace = [];
      curve = temperatures.map(t => exactEnergy(lattice.L, t));
      changed();
    });
    const moves = stage.choice("Moves", { heatBath: "heat bath: one spin at a time", clusters: "clusters (Swendsen–Wang)" }, "heatBath", changed);
    const T = stage.slider("Temperature T", { min: 0.5, max: 5, step: 0.01, value: 1.5, show: x => genbook.fixed(x) }, changed);
    const B = stage.slider("Magnetic field B", { min: -0.2, max: 0.2, step: 0.01, value: 0, show: x => genbook.fixed(x) }, changed);
    curve = temperatures.map(t => exactEnergy(lattice.L, t));

    const step = () => {
      lattice[moves.value](T.value, B.value);
      trace.push(lattice.magnetisation);
      if (trace.length > 400) trace.shift();
      if (++steps <= 100) return; // on the way to equilibrium
      block.push(lattice.energy);
      if (block.length === 50) {
        blocks.push(block.reduce((a, b) => a + b) / 50);
        block = [];
        const n = blocks.length;
        mean = blocks.reduce((a, b) => a + b) / n;
        error = n > 3 ? Math.sqrt(blocks.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1) / n) : NaN;
      }
    };
    const loop = stage.run(() => {
      for (let k = 0; k < (lattice.L < 64 ? 8 : 1); k++) step();
      say();
      if (steps % 240 < 8) stage.say(`After ${steps} steps: energy per spin ${genbook.fixed(lattice.energy, 2)}, magnetisation ${genbook.fixed(lattice.magnetisation, 2)}.`);
    });
    stage.button("Random spins", () => { lattice.randomise(); trace = []; changed(); });
    stage.button("To the critical temperature", () => { T.value = 2.27; changed(); });
    say();
    const pose = () => {
      T.value = 2.27;
      moves.value = "clusters";
      changed();
      for (let k = 0; k < 1400; k++) step();
      say();
      stage.draw();
    };
    return { pose, Lattice, exactEnergy, exactMagnetisation, T, B, moves, size, loop, step, get lattice() { return lattice; }, get mean() { return mean; }, get error() { return error; } };
  };
})();
