// The title page: an Ising lattice with a temperature, beside digits that the shipped diffusion model drew, step by step.
(() => {
  const text = atob(genbook.weights.film), FRAMES = 21;
  const frame = (digit, k) => Float32Array.from({ length: 784 }, (_, i) => { // four bits a pixel
    const byte = text.charCodeAt(392 * (FRAMES * digit + k) + (i >> 1));
    return (i & 1 ? byte & 15 : byte >> 4) / 15;
  });
  const DIGITS = text.length / 392 / FRAMES;

  genbook.explorables.title = stage => {
    const { Lattice, exactEnergy } = genbook.ising, lattice = new Lattice(64, genbook.chance(3)), side = 230;
    const picture = document.createElement("canvas");
    let digit = 0, k = 0, ticks = 0, image = frame(0, 0), mean = NaN;
    stage.panel("An Ising lattice of 64 by 64 spins", side, side, (c, colours) => genbook.ising.draw(c, colours, lattice, picture, side), "a magnet", "half");
    stage.panel("Noise that becomes a digit, in twenty steps", side, side, (c, colours) => genbook.picture(c, image, 0, 0, side, colours), "a network that draws digits", "half");
    const shown = { u: stage.number("energy per spin"), exact: stage.number("its exact mean", true) };
    const T = stage.slider("Temperature of the magnet T", { min: 1, max: 5, step: 0.05, value: 2.25, show: v => genbook.fixed(v) }, () => { mean = NaN; say(); });
    const say = () => {
      shown.u(genbook.fixed(Number.isFinite(mean) ? mean : lattice.energy, 2));
      shown.exact(genbook.fixed(exactEnergy(64, T.value), 2));
    };
    const step = once => {
      lattice.heatBath(T.value, 0);
      mean = Number.isFinite(mean) ? 0.97 * mean + 0.03 * lattice.energy : lattice.energy;
      if (once || ++ticks % 8 === 0) {
        k++;
        if (k > FRAMES + 12) { k = 0; digit = (digit + 1) % DIGITS; } // rest a while at the end
        image = frame(digit, Math.min(k, FRAMES - 1));
      }
      say();
    };
    const loop = stage.run(step);
    for (let i = 0; i < 150; i++) lattice.clusters(2.25, 0);
    say();
    const pose = () => { k = 12; image = frame(0, k); say(); stage.draw(); };
    return { pose, frame, step, loop, DIGITS, FRAMES };
  };
})();
