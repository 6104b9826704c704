// The bilinear game and the smallest GAN with data: orbits, and the eigenvalues of a step.
(() => {
  const sigmoid = v => 1 / (1 + Math.exp(-v));
  const GAMES = { // the velocities of a, who descends, and b, who climbs; R1 is friction of b
    bilinear: (a, b, gamma) => [-b, a - gamma * b],
    dirac: (a, b, gamma) => [sigmoid(a * b) * b, -sigmoid(a * b) * a - gamma * b],
  };
  const LINEAR = { ...GAMES, dirac: (a, b, gamma) => [b / 2, -a / 2 - gamma * b] };

  // One step of the state [a, b, m_a, m_b].
  function step(F, [a, b, ma, mb], { kind, eta, mu, gamma }) {
    const f = (a, b) => F(a, b, gamma);
    let [fa, fb] = f(a, b);
    if (kind === "extragradient") [fa, fb] = f(a + eta * fa, b + eta * fb);
    mb = mu * mb + eta * fb;
    if (kind === "alternating") fa = f(a, b + mb)[0];
    ma = mu * ma + eta * fa;
    return [a + ma, b + mb, ma, mb];
  }

  // The eigenvalues of a step near the centre: roots of the characteristic polynomial (Faddeev, then Durand and Kerner).
  function eigenvalues(game, options) {
    const n = options.mu ? 4 : 2, M = Array.from({ length: n }, () => []);
    for (let k = 0; k < n; k++) {
      const e = [0, 0, 0, 0];
      e[k] = 1;
      step(LINEAR[game], e, options).slice(0, n).forEach((v, i) => { M[i][k] = v; });
    }
    const c = [1];
    let P = M.map(row => row.map(() => 0));
    for (let k = 1; k <= n; k++) {
      P = M.map((row, i) => P[0].map((_, j) => row.reduce((sum, v, l) => sum + v * (P[l][j] + (l === j ? c[k - 1] : 0)), 0)));
      c[k] = -P.reduce((sum, row, i) => sum + row[i], 0) / k;
    }
    let roots = Array.from({ length: n }, (_, k) => [Math.cos(0.4 + 2 * k), Math.sin(0.4 + 2 * k)].map(v => v * 0.9));
    const times = ([a, b], [x, y]) => [a * x - b * y, a * y + b * x];
    const over = ([a, b], [x, y]) => { const r = x * x + y * y || 1e-300; return [(a * x + b * y) / r, (b * x - a * y) / r]; };
    for (let round = 0; round < 400; round++) roots = roots.map((z, k) => {
      const value = c.reduce((sum, v) => { const p = times(sum, z); return [p[0] + v, p[1]]; }, [0, 0]);
      const rest = roots.reduce((product, w, j) => j === k ? product : times(product, [z[0] - w[0], z[1] - w[1]]), [1, 0]);
      const d = over(value, rest);
      return [z[0] - d[0], z[1] - d[1]];
    });
    return roots;
  }

  genbook.explorables.game = stage => {
    const W = 330, R = 3;
    let state = [1.5, 0, 0, 0], start = [1.5, 0], orbit = [], steps = 0, over = false;
    const X = v => (v + R) / (2 * R) * W, Y = v => (R - v) / (2 * R) * W;
    const plane = stage.panel("", W, W, (c, colours) => {
      c.strokeStyle = colours.border;
      c.beginPath();
      c.moveTo(0, W / 2); c.lineTo(W, W / 2); c.moveTo(W / 2, 0); c.lineTo(W / 2, W);
      c.stroke();
      c.strokeRect(0.5, 0.5, W - 1, W - 1);
      c.fillStyle = colours.ink;
      c.fillText("b: the discriminator", W / 2 + 6, 14);
      c.textAlign = "right";
      c.fillText("a: the generator →", W - 6, W - 10); // in the corner, where the players seldom are
      c.strokeStyle = colours.blue;
      c.beginPath();
      orbit.forEach(([a, b], k) => k ? c.lineTo(X(a), Y(b)) : c.moveTo(X(a), Y(b)));
      c.stroke();
      const dot = (a, b, colour, r) => { c.fillStyle = colour; c.beginPath(); c.arc(X(a), Y(b), r, 0, 7); c.fill(); };
      dot(0, 0, colours.ink, 3);
      dot(...start, colours.muted, 4);
      dot(state[0], state[1], colours.orange, 6);
      if (Math.max(Math.abs(state[0]), Math.abs(state[1])) > R) {
        c.fillStyle = colours.orange;
        c.textAlign = "left";
        c.fillText("they have left the picture", 8, W - 10);
      }
    }, "drag the players to another start");
    stage.panel("The eigenvalues of one step in the complex plane, with the unit circle", 270, 270, (c, colours) => {
      const { line, dot, X: x } = genbook.axes(c, colours, { w: 270, h: 270, x: [-1.6, 1.6], y: [-1.6, 1.6], xlabel: "real part of λ", ylabel: "imaginary part of λ", xticks: [-1, 0, 1], yticks: [-1, 0, 1] });
      const turn = Array.from({ length: 91 }, (_, k) => k * Math.PI / 45);
      line(turn.map(Math.cos), turn.map(Math.sin), colours.muted);
      for (const [re, im] of roots) dot(re, im, colours.orange, 5);
    }, "eigenvalues λ of a step", "late");
    const shown = { rho: stage.number("largest |λ|", true), fate: stage.number("so the players"), far: stage.number("distance from the solution"), steps: stage.number("steps") };
    let roots = [], rho = 1;
    const options = () => ({ kind: kind.value, eta: eta.value, mu: mu.value, gamma: gamma.value });
    const say = () => {
      shown.rho(genbook.fixed(rho, 5));
      shown.fate(Math.abs(rho - 1) < 1e-7 ? "circle" : rho > 1 ? "run away" : "arrive");
      shown.far(genbook.fixed(Math.hypot(state[0], state[1]), 3));
      shown.steps(String(steps));
    };
    const begin = () => {
      state = [...start, 0, 0];
      orbit = [start];
      steps = 0;
      roots = eigenvalues(game.value, options());
      rho = Math.max(...roots.map(z => Math.hypot(...z)));
      say();
      stage.say(`Largest modulus ${genbook.fixed(rho, 3)}: the players ${Math.abs(rho - 1) < 1e-7 ? "circle" : rho > 1 ? "run away" : "arrive"}.`);
      stage.draw();
      if (over && !matchMedia("(prefers-reduced-motion: reduce)").matches) stage.loop.play(); // it had run to its end
      over = false;
    };
    stage.draggable(plane, "Start of the two players; the arrow keys move it", () => [X(start[0]), Y(start[1])], (x, y) => {
      start = [x / W * 2 * R - R, R - y / W * 2 * R].map(v => Math.max(-R, Math.min(R, v)));
      begin();
    }, 8);
    const game = stage.choice("Game", { bilinear: "bilinear, v = ab", dirac: "the smallest GAN with data" }, "bilinear", begin);
    const kind = stage.choice("Steps", { simultaneous: "simultaneous", alternating: "alternating", extragradient: "with a look ahead" }, "simultaneous", begin);
    const eta = stage.slider("Step η", { min: 0.01, max: 1, step: 0.01, value: 0.2, show: v => genbook.fixed(v) }, begin);
    const mu = stage.slider("Momentum μ", { min: -0.8, max: 0.8, step: 0.1, value: 0, show: v => genbook.fixed(v, 1) }, begin);
    const gamma = stage.slider("R1 penalty γ", { min: 0, max: 1, step: 0.05, value: 0, show: v => genbook.fixed(v) }, begin);
    const advance = () => {
      if (over) { // begin again
        over = false;
        begin();
      }
      over = Math.hypot(state[0], state[1]) > 50 || steps >= 5000;
      if (over) return true;
      state = step(GAMES[game.value], state, options());
      orbit.push(state.slice(0, 2));
      if (orbit.length > 1500) orbit.shift();
      steps++;
      say();
      return false;
    };
    const loop = stage.run(advance);
    stage.button("Back to the start", begin);
    begin();
    const pose = () => { for (let k = 0; k < 36; k++) advance(); stage.draw(); };
    return { pose, GAMES, LINEAR, step, eigenvalues, advance, loop };
  };
})();
