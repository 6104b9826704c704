// The shipped restricted Boltzmann machine completes a drawing by Gibbs sampling with some pixels held.
(() => {
  const K = genbook.kernels, net = genbook.tensors("rbm"), N = 784, H = 500, LOG_Z = 817.568;
  const W = net.weight.data, a = net.visible_bias.data, b = net.hidden_bias.data;
  const hiddenField = x => {
    const f = Float32Array.from(b);
    for (let i = 0; i < N; i++) if (x[i]) for (let j = 0, at = i * H; j < H; j++, at++) f[j] += x[i] * W[at];
    return f;
  };
  const visibleField = h => {
    const f = Float32Array.from(a), on = [];
    for (let j = 0; j < H; j++) if (h[j]) on.push(j);
    for (let i = 0; i < N; i++) for (const j of on) f[i] += h[j] * W[i * H + j];
    return f;
  };
  const freeEnergy = x => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum -= a[i] * x[i];
    for (const f of hiddenField(x)) sum -= K.softplus(f);
    return sum;
  };
  const sigmoid = (f, T) => K.sigmoid(f.map(v => v / T));
  const draw = (p, chance) => p.map(v => chance.uniform() < v ? 1 : 0);
  const gibbs = (x, chance, T = 1) => { // hidden units given the visible ones, and back
    const p = sigmoid(visibleField(draw(sigmoid(hiddenField(x), T), chance)), T);
    return { p, x: draw(p, chance) };
  };
  const HELD = { upper: i => i < 392, left: i => i % 28 < 14, all: () => false };

  genbook.explorables.boltzmann = stage => {
    const chance = genbook.chance(9), examples = genbook.digits(), side = 210;
    let x = new Float32Array(N), p = x, mean = new Float32Array(N), steps = 0, next = 7, digit = 7;
    const binary = v => v > 0.5 ? 1 : 0;
    const hold = () => { x = x.map((v, i) => HELD[held.value](i) ? binary(pad.image[i]) : v); };
    const begin = () => {
      x = x.map(() => chance.uniform() < 0.5 ? 1 : 0);
      hold();
      p = x;
      mean.fill(0);
      steps = 0;
      say();
      stage.draw();
    };
    const veil = (c, colours, sides, fade = false) => { // a line between what is given and what is not, which fades
      if (fade && held.value !== "all") {
        c.globalAlpha = 0.75;
        c.fillStyle = colours.ground;
        if (held.value === "upper") c.fillRect(1, sides / 2, sides - 2, sides / 2 - 1);
        else c.fillRect(sides / 2, 1, sides / 2 - 1, sides - 2);
        c.globalAlpha = 1;
        c.fillStyle = colours.ink;
        c.textAlign = "left";
        c.fillText("given", 6, 16);
        c.textAlign = "right";
        c.fillText("not given", sides - 6, sides - 8);
      }
      c.strokeStyle = colours.orange;
      c.lineWidth = 2;
      c.beginPath();
      if (held.value === "upper") { c.moveTo(0, sides / 2); c.lineTo(sides, sides / 2); }
      if (held.value === "left") { c.moveTo(sides / 2, 0); c.lineTo(sides / 2, sides); }
      c.stroke();
    };
    const pad = stage.pad("Your drawing, 28 by 28 pixels; the half on one side of the line is given to the machine", () => { hold(); said = freeEnergy(pad.image.map(binary)); say(); stage.draw(); }, { side, title: "draw the half that is given", over: (c, colours) => veil(c, colours, side, true) });
    stage.panel("The state of the machine: the given half and its own", side, side, (c, colours) => { genbook.picture(c, p.map((v, i) => HELD[held.value](i) ? x[i] : v), 0, 0, side, colours); veil(c, colours, side); }, "the machine's image", "half");
    stage.panel("The mean of what it drew", side, side, (c, colours) => { genbook.picture(c, mean, 0, 0, side, colours); veil(c, colours, side); }, "mean of the last hundred", "half");
    const shown = { free: stage.number("free energy of your drawing", true), log: stage.number("so its log-likelihood"), state: stage.number("free energy of its image"), steps: stage.number("steps, all units redrawn") };
    let said = 0;
    const say = () => {
      shown.free(`${genbook.fixed(said, 2)} nats`);
      shown.log(`${genbook.fixed(-said - LOG_Z, 1)} nats`);
      shown.state(`${genbook.fixed(freeEnergy(x), 0)} nats`);
      shown.steps(String(steps));
    };
    const held = stage.choice("Given", { upper: "the upper half", left: "the left half", all: "nothing: all pixels are free" }, "upper", () => begin());
    const T = stage.slider("Temperature T", { min: 0.2, max: 3, step: 0.05, value: 1, show: v => genbook.fixed(v) }, () => { mean.fill(0); steps = 0; say(); });
    const step = () => {
      ({ p, x } = gibbs(x, chance, T.value));
      hold();
      steps++;
      const rate = Math.max(0.01, 1 / steps);
      mean = mean.map((m, i) => m + rate * ((HELD[held.value](i) ? x[i] : p[i]) - m));
      say();
      if (steps % 120 === 0) stage.say(`${steps} steps.`);
    };
    const loop = stage.run(step);
    stage.button("Begin again from noise", begin);
    stage.button("Clear the drawing", pad.clear);
    stage.button("Another example", () => { digit = (digit + 3) % 10; pad.put(examples[digit]); begin(); });
    pad.image.set(examples[7]);
    said = freeEnergy(pad.image.map(binary));
    begin();
    const pose = () => { for (let k = 0; k < 60; k++) step(); stage.draw(); };
    return { pose, net, hiddenField, visibleField, freeEnergy, gibbs, pad, held, T, step, loop, get x() { return x; } };
  };
})();
