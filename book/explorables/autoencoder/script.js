// The shipped variational autoencoder: a plane of codes, and the two terms of the bound of a drawing.
(() => {
  const K = genbook.kernels, net = genbook.tensors("vae");
  const trunk = x => K.tanh(K.linear(net, "encoder.trunk.2", K.tanh(K.linear(net, "encoder.trunk.0", x))));
  const encode = x => {
    const f = trunk(x);
    return { mean: K.linear(net, "encoder.mean", f), logVariance: K.linear(net, "encoder.log_variance", f) };
  };
  const logits = h => K.linear(net, "decoder.net.4", K.tanh(K.linear(net, "decoder.net.2", K.tanh(K.linear(net, "decoder.net.0", h)))));
  const decode = h => K.sigmoid(logits(h));
  const kl = ({ mean, logVariance }) => mean.reduce((sum, m, j) => sum + (m * m + Math.expm1(logVariance[j]) - logVariance[j]) / 2, 0);
  const logProb = (x, a) => a.reduce((sum, v, i) => sum - K.softplus(x[i] > 0.5 ? -v : v), 0);
  const bound = (x, noise) => { // both terms for zeros and ones x; noise: draws of 50 normal numbers
    const q = encode(x), deviation = q.logVariance.map(v => Math.exp(v / 2));
    const terms = noise.map(e => logProb(x, logits(q.mean.map((m, j) => m + deviation[j] * e[j]))));
    return { reconstruction: terms.reduce((a, b) => a + b) / terms.length, kl: kl(q) };
  };

  genbook.explorables.autoencoder = stage => {
    const chance = genbook.chance(4), noise = Array.from({ length: 32 }, () => chance.normals(50)), side = 260, R = 1.6, cells = 7;
    const examples = genbook.digits();
    let place = [-1, 0], middle, across, up, map = [];
    const binary = x => x.map(v => v > 0.5 ? 1 : 0);
    const code = ([s, t]) => middle.map((m, j) => m + s * across[j] + t * up[j]);
    const X = s => (s + R) / (2 * R) * side, Y = t => (R - t) / (2 * R) * side;

    const A = stage.pad("Digit A, a drawing of 28 by 28 pixels", () => later(), { side: 130, title: "A: draw here", kind: "half" });
    const plane = stage.panel("", side, side, (c, colours) => {
      const s = side / cells;
      map.forEach((image, k) => genbook.picture(c, image, k % cells * s, Math.floor(k / cells) * s, s, colours));
      c.fillStyle = colours.orange;
      c.strokeStyle = colours.orange;
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(X(-1), Y(0));
      c.lineTo(X(1), Y(0));
      c.stroke();
      c.font = "bold 15px system-ui, sans-serif";
      c.fillText("A", X(-1) - 14, Y(0) - 8);
      c.fillText("B", X(1) + 4, Y(0) - 8);
      c.beginPath();
      c.arc(X(place[0]), Y(place[1]), 8, 0, 7);
      c.fill();
      c.strokeStyle = colours.ground;
      c.stroke();
    }, "the plane of codes: drag the handle", "second");
    stage.panel("The decoded image of the handle's place", 130, 130, (c, colours) => genbook.picture(c, decode(code(place)), 0, 0, 130, colours), "decoded there", "second");
    const B = stage.pad("Digit B, a drawing of 28 by 28 pixels", () => later(), { side: 130, title: "B: draw here", kind: "half" });
    const move = (x, y) => {
      place = [x / side * 2 * R - R, R - y / side * 2 * R].map(v => Math.max(-R, Math.min(R, v)));
      between.value = Math.max(0, Math.min(1, (place[0] + 1) / 2));
      say();
      stage.draw();
    };
    stage.draggable(plane, "Handle in the plane of codes; the arrow keys move it", () => [X(place[0]), Y(place[1])], move, side / 40);

    const shown = {
      reconstruction: stage.number("reconstruction of A"), kl: stage.number("price of A's message: KL", true), elbo: stage.number("bound: their difference"),
      place: stage.number("place of the handle"), norm: stage.number("its distance from 0"),
    };
    let terms;
    const say = () => {
      shown.reconstruction(`${genbook.fixed(terms.reconstruction, 1)} nats`);
      shown.kl(`${genbook.fixed(terms.kl, 2)} nats`);
      shown.elbo(`${genbook.fixed(terms.reconstruction - terms.kl, 1)} nats`);
      shown.place(place.map(v => genbook.fixed(v, 2)).join(", "));
      shown.norm(genbook.fixed(Math.hypot(...code(place)), 1));
    };
    const follow = () => { // the codes of both drawings, and the plane through them
      const a = encode(binary(A.image)).mean, b = encode(binary(B.image)).mean, size = Math.hypot(...a.map((v, j) => (b[j] - v) / 2)) || 1;
      middle = a.map((v, j) => (v + b[j]) / 2);
      across = a.map((v, j) => (b[j] - v) / 2);
      up = genbook.chance(8).normals(50); // a fixed direction, made perpendicular and equally long
      const along = up.reduce((sum, v, j) => sum + v * across[j], 0) / size ** 2;
      up = up.map((v, j) => v - along * across[j]);
      const length = Math.hypot(...up) / size;
      up = up.map(v => v / length);
      map = Array.from({ length: cells * cells }, (_, k) => decode(code([(k % cells + 0.5) / cells * 2 * R - R, R - (Math.floor(k / cells) + 0.5) / cells * 2 * R])));
      terms = bound(binary(A.image), noise);
      say();
      stage.say(`Bound of A ${genbook.fixed(terms.reconstruction - terms.kl, 0)} nats: reconstruction ${genbook.fixed(terms.reconstruction, 0)}, KL ${genbook.fixed(terms.kl, 0)}.`);
    };
    let waiting;
    const later = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(() => { follow(); stage.draw(); }); };
    const between = stage.slider("Along the line from A to B", { min: 0, max: 1, step: 0.01, value: 0, show: v => genbook.fixed(v) }, v => { place = [2 * v - 1, 0]; say(); stage.draw(); });
    stage.button("Clear A", A.clear);
    stage.button("Clear B", B.clear);
    let next = 3;
    stage.button("Other examples", () => { A.image.set(examples[next % 10]); B.image.set(examples[(next + 4) % 10]); next++; later(); });
    A.image.set(examples[3]);
    B.image.set(examples[7]);
    follow();
    const pose = () => { move(X(-0.2), Y(0)); };
    return { pose, net, encode, decode, logits, kl, bound, A, B, follow, move };
  };
})();
