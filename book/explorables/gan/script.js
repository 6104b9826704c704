// The shipped conditional GAN: its generator draws what is asked for, its discriminator judges drawings.
(() => {
  const K = genbook.kernels, g = genbook.tensors("gan_conditional/g"), d = genbook.tensors("gan_conditional/d");
  const generate = (z, label) => { // 784 numbers in [-1, 1]
    const input = new Float32Array(74);
    input.set(z);
    input[64 + label] = 1;
    let x = { data: K.linear(g, "network.fc", input), c: 32, h: 7, w: 7 };
    x = K.relu(K.batchNorm(g, "network.norm_1", x));
    x = K.relu(K.batchNorm(g, "network.norm_2", K.transposed(g, "network.up_1", x, { stride: 2, pad: 1 })));
    return K.tanh(K.transposed(g, "network.up_2", x, { stride: 2, pad: 1 })).data;
  };
  const judge = (x, label) => { // both parts of the logit: real, and of this class
    const down = (name, x) => K.leaky(0.2)(K.convolution(d, `features.${name}`, x, { stride: 2, pad: 1 }));
    const phi = down("down_2", down("down_1", { data: x, c: 1, h: 28, w: 28 })).data, e = d["embedding.weight"].data;
    return { real: K.linear(d, "real", phi)[0], of: phi.reduce((sum, v, i) => sum + v * e[1568 * label + i], 0) };
  };
  const length = z => Math.hypot(...z);
  const circle = (z0, z1, t) => { // the great circle, and lengths in between
    const cosine = z0.reduce((sum, v, i) => sum + v * z1[i], 0) / length(z0) / length(z1), angle = Math.acos(cosine);
    const size = (1 - t) * length(z0) + t * length(z1), [p, q] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
    return z0.map((v, i) => size * (p * v / length(z0) + q * z1[i] / length(z1)));
  };
  const line = (z0, z1, t) => z0.map((v, i) => (1 - t) * v + t * z1[i]);

  genbook.explorables.gan = stage => {
    const chance = genbook.chance(21), examples = genbook.digits();
    let ends = [chance.normals(64), chance.normals(64)], side = 176, tilt = [0, 0], axes = [chance.normals(64), chance.normals(64)];
    const noise = t => (way.value === "circle" ? circle : line)(ends[0], ends[1], t).map((v, i) => v + tilt[0] * axes[0][i] + tilt[1] * axes[1][i]);
    const grey = x => x.map(v => (v + 1) / 2);
    let image = null;
    const drawn = stage.panel("", side, side, (c, colours) => genbook.picture(c, grey(image = generate(noise(t.value), Number(label.value))), 0, 0, side, colours), "drag on the image", "half");
    stage.draggable(drawn, "The generator's image; dragging or the arrow keys move the noise in two directions", () => [side / 2 + tilt[0] * side / 2, side / 2 + tilt[1] * side / 2],
      (x, y) => { tilt = [2 * x / side - 1, 2 * y / side - 1].map(v => Math.max(-1, Math.min(1, v))); say(); stage.draw(); }, 8);
    stage.panel("Nine images on the way from one noise vector to the other", 288, 288, (c, colours) => {
      for (let k = 0; k < 9; k++) genbook.picture(c, grey(generate(noise(k / 8), Number(label.value))), k % 3 * 96, Math.floor(k / 3) * 96, 92, colours);
    }, "nine stops on the way", "second");
    const pad = stage.pad("Your drawing for the discriminator, 28 by 28 pixels", () => { say(); }, { side, title: "draw the digit asked for", kind: "half" });
    const shown = { logit: stage.number("logit: real + of its class", true), d: stage.number("d: your drawing is data"), own: stage.number("d: the generator's is"), norm: stage.number("length of noise (usual: 8)") };
    const share = v => `${genbook.fixed(100 / (1 + Math.exp(-v)), 1)} %`;
    const total = x => { const { real, of } = judge(x, Number(label.value)); return real + of; };
    const say = () => {
      const mine = judge(pad.image.map(v => 2 * v - 1), Number(label.value));
      shown.logit(`${genbook.fixed(mine.real + mine.of, 2)} = ${genbook.fixed(mine.real, 2)} ${mine.of < 0 ? "−" : "+"} ${genbook.fixed(Math.abs(mine.of), 2)}`);
      shown.d(share(mine.real + mine.of));
      shown.own(share(total(generate(noise(t.value), Number(label.value)))));
      shown.norm(genbook.fixed(length(noise(t.value)), 2));
      stage.say(`Label ${label.value}. Your drawing: ${share(mine.real + mine.of)}.`);
    };
    const changed = () => { say(); stage.draw(); };
    const label = stage.choice("Digit asked for", Object.fromEntries([..."0123456789"].map(c => [c, c])), "3", changed);
    const t = stage.slider("Way from one noise to the other", { min: 0, max: 1, step: 0.01, value: 0, show: v => genbook.fixed(v) }, changed);
    const way = stage.choice("Along", { circle: "the great circle", line: "the straight line" }, "circle", changed);
    stage.button("New noise", () => { ends = [chance.normals(64), chance.normals(64)]; axes = [chance.normals(64), chance.normals(64)]; tilt = [0, 0]; changed(); });
    stage.button("Clear the drawing", pad.clear);
    stage.button("An example of this digit", () => pad.put(examples[Number(label.value)]));
    pad.image.set(examples[3]);
    changed();
    return { generate, judge, circle, line, pad, label, t };
  };
})();
