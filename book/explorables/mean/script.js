// Two normal densities: the best discriminator, the Jensen-Shannon divergence, W_1 and the slopes of both.
(() => {
  const normal = (x, m = 0) => Math.exp(-((x - m) ** 2) / 2) / Math.sqrt(2 * Math.PI);
  const xlog = (p, m) => p > 0 ? p * Math.log(p / m) : 0;
  const jsd = delta => { // on a grid, in nats
    const low = -9, high = 9 + Math.abs(delta), n = 1600, h = (high - low) / n, far = Math.abs(delta);
    let sum = 0;
    for (let k = 0; k <= n; k++) {
      const x = low + k * h, p = normal(x), q = normal(x, far), m = (p + q) / 2;
      sum += (xlog(p, m) + xlog(q, m)) / 2 * h;
    }
    return sum;
  };
  const slope = delta => (jsd(delta + 1e-4) - jsd(delta - 1e-4)) / 2e-4;

  genbook.explorables.mean = stage => {
    const W = 350, H = 240, x = [-4, 8], xs = Array.from({ length: 241 }, (_, k) => x[0] + k * (x[1] - x[0]) / 240);
    const far = Array.from({ length: 121 }, (_, k) => -3 + k / 12), curve = far.map(jsd), left = 44, right = 10;
    const X = v => left + (v - x[0]) / (x[1] - x[0]) * (W - left - right);
    const bells = stage.panel("", W, H, (c, colours) => {
      const { line, dot } = genbook.axes(c, colours, { w: W, h: H, left, x, y: [0, 1.05], xlabel: "x", ylabel: "density; d* dotted", xticks: [-4, -2, 0, 2, 4, 6, 8], yticks: [0, 0.5, 1] });
      line(xs, xs.map(v => normal(v)), colours.blue);
      line(xs, xs.map(v => normal(v, delta.value)), colours.orange, [6, 3]);
      line(xs, xs.map(v => 1 / (1 + Math.exp(delta.value * v - delta.value ** 2 / 2))), colours.ink, [2, 2]);
      dot(delta.value, normal(0), colours.orange, 7);
      const legend = [["data", colours.blue], ["model: drag it", colours.orange], ["best d*", colours.ink]];
      c.textAlign = "left";
      legend.forEach(([text, colour], k) => { c.fillStyle = colour; c.fillText(text, X(3.6), 60 + 15 * k); });
    }, "data, model, and what the best discriminator says");
    stage.draggable(bells, "The mean of the generator; the arrow keys move it", () => [X(delta.value), 100], px => {
      delta.value = Math.max(-3, Math.min(7, x[0] + (px - left) / (W - left - right) * (x[1] - x[0])));
      changed();
    }, 6);
    stage.panel("Jensen-Shannon divergence and W1 against the mean of the generator, with tangents", 330, H, (c, colours) => {
      const { line, dot } = genbook.axes(c, colours, { w: 330, h: H, left, x: [-3, 7], y: [0, 1.6], xlabel: "mean of the generator", ylabel: "divergence, distance", xticks: [-2, 0, 2, 4, 6], yticks: [0, 0.5, 1, 1.5] });
      const at = delta.value, value = jsd(at), s = slope(at);
      line(far, curve, colours.blue);
      line([-3, 0, 7], [3 / 4, 0, 7 / 4], colours.green, [6, 3]);
      line([at - 1.5, at + 1.5], [value - 1.5 * s, value + 1.5 * s], colours.orange);
      dot(at, value, colours.orange, 5);
      dot(at, Math.abs(at) / 4, colours.green, 5);
      c.textAlign = "left";
      c.fillStyle = colours.blue;
      c.fillText("JSD", 275, 118);
      c.fillStyle = colours.green;
      c.fillText("W₁ / 4", 240, 34);
    }, "two distances, and the slope (orange)");
    const shown = { jsd: stage.number("divergence JSD", true), value: stage.number("value: 2 JSD − log 4"), slope: stage.number("slope of the JSD"), w1: stage.number("distance W₁"), slope1: stage.number("slope of W₁"), right: stage.number("d* is right for (share)") };
    const changed = () => {
      const at = delta.value, value = jsd(at), s = slope(at), wins = 0.5 * (1 + erf(Math.abs(at) / 2 / Math.SQRT2));
      shown.jsd(`${genbook.fixed(value, 6)} nats`);
      shown.value(genbook.fixed(2 * value - Math.log(4), 6));
      shown.slope(genbook.fixed(s, 4));
      shown.w1(genbook.fixed(Math.abs(at), 2));
      shown.slope1(at === 0 ? "none: a corner" : at > 0 ? "1" : "−1");
      shown.right(`${genbook.fixed(100 * wins, 1)} %`);
      stage.say(`Mean ${genbook.fixed(at, 1)}: divergence ${genbook.fixed(value, 3)}, slope ${genbook.fixed(s, 3)}.`);
      stage.draw();
    };
    const erf = v => { // Abramowitz and Stegun 7.1.26, to 1.5e-7
      const t = 1 / (1 + 0.3275911 * v);
      return 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-v * v);
    };
    const delta = stage.slider("Mean of the generator", { min: -3, max: 7, step: 0.05, value: 1, show: v => genbook.fixed(v) }, changed);
    changed();
    const pose = () => { delta.value = 2.5; changed(); };
    return { pose, jsd, slope, delta };
  };
})();
