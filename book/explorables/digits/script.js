// The shipped U-Net draws a digit by DDIM, with labels and guidance.
(() => {
  const T = 1000, NONE = 10;
  // The cosine schedule: factors of signal and noise for t = 0 to T.
  const schedule = (() => {
    const bar = t => Math.cos((t / T + 0.008) / 1.008 * Math.PI / 2) ** 2, signal = [1], noise = [0];
    for (let t = 1, product = 1; t <= T; t++) {
      product *= 1 - Math.min(0.999, 1 - bar(t) / bar(t - 1));
      signal.push(Math.sqrt(product));
      noise.push(Math.sqrt(1 - product));
    }
    return { signal, noise };
  })();

  function unet(net, x, t, label) { // x: 784 numbers; the velocity
    const K = genbook.kernels, has = name => `${name}.weight` in net;
    const block = (name, x) => {
      const ab = K.linear(net, `${name}.scale_shift`, e), c = ab.length / 2;
      let h = K.convolution(net, `${name}.conv1`, K.silu(K.groupNorm(net, `${name}.norm1`, x)), { pad: 1 });
      h = K.silu(K.groupNorm(net, `${name}.norm2`, h, ab.subarray(0, c), ab.subarray(c)));
      h = K.convolution(net, `${name}.conv2`, h, { pad: 1 });
      return K.add(h, has(`${name}.shortcut`) ? K.convolution(net, `${name}.shortcut`, x) : x);
    };
    let e = new Float32Array(64);
    for (let i = 0; i < 32; i++) {
      const angle = t * Math.exp(-i * 2 * Math.log(10000) / 64);
      e[i] = Math.cos(angle);
      e[32 + i] = Math.sin(angle);
    }
    e = e.map((v, i) => v + net["label.weight"].data[64 * label + i]);
    e = K.silu(K.linear(net, "embed.2", K.silu(K.linear(net, "embed.0", e))));
    let h = K.convolution(net, "stem", { data: x, c: 1, h: 28, w: 28 }, { pad: 1 });
    const skips = [];
    for (let level = 0; level < 3; level++) {
      if (level) h = K.convolution(net, `shrink.${level - 1}`, h, { stride: 2, pad: 1 });
      skips.push(h = block(`down.${level}`, h));
    }
    h = block("middle", h);
    const qkv = K.convolution(net, "attention.qkv", K.groupNorm(net, "attention.norm", h)).data, n = qkv.length / 3;
    const mixed = K.attention(qkv.subarray(0, n), qkv.subarray(n, 2 * n), qkv.subarray(2 * n), 2, h.c, h.h * h.w);
    h = K.add(h, K.convolution(net, "attention.out", { ...h, data: mixed }));
    for (let level = 0; level < 3; level++) {
      h = block(`up.${level}`, K.join(h, skips.pop()));
      if (level < 2) h = K.double(K.convolution(net, `grow.${level}`, h));
    }
    return K.convolution(net, "out", K.silu(K.groupNorm(net, "norm", h)), { pad: 1 }).data;
  }

  // The denoiser's estimate of the image, clipped to [-1, 1]; with guidance where the scale is not 1.
  function estimate(net, x, t, label, scale = 1) {
    let v = unet(net, x, t, label);
    if (scale !== 1 && label !== NONE) {
      const free = unet(net, x, t, NONE);
      v = v.map((given, i) => free[i] + scale * (given - free[i]));
    }
    const a = schedule.signal[t], s = schedule.noise[t];
    return x.map((value, i) => Math.max(-1, Math.min(1, a * value - s * v[i])));
  }

  const times = n => [...Array.from({ length: n }, (_, i) => T - Math.floor(i * T / n)), 0];

  function ddim(x, x0, t, then, eta, chance) { // one step
    const [a, s, a1, s1] = [schedule.signal[t], schedule.noise[t], schedule.signal[then], schedule.noise[then]];
    const rho = eta && then ? eta * s1 / s * Math.sqrt(1 - (a / a1) ** 2) : 0;
    const kept = Math.sqrt(Math.max(0, s1 * s1 - rho * rho));
    return x.map((value, i) => a1 * x0[i] + kept * (value - a * x0[i]) / s + (rho ? rho * chance.normal() : 0));
  }

  genbook.explorables.digits = stage => {
    const net = genbook.tensors("diffusion"), chance = genbook.chance(11), none = new Float32Array(784).fill(-1);
    let start = chance.normals(784), x = start, x0 = none, film = [], plan = times(20), k = 0, spent = 0;
    const grey = image => image.map(v => (v + 1) / 2);
    stage.panel("The state: noise at first, a digit at the end", 182, 182, (c, colours) => genbook.picture(c, grey(x), 0, 0, 182, colours), "the state", "half");
    stage.panel("The network's estimate of the finished digit", 182, 182, (c, colours) => {
      genbook.picture(c, grey(x0), 0, 0, 182, colours);
      if (k) return;
      c.fillStyle = colours.ink;
      c.textAlign = "center";
      c.fillText("not begun: press Run", 91, 95);
    }, "its estimate", "half");
    stage.panel("A film of the estimates, step by step", 300, 182, (c, colours) => {
      const n = plan.length - 1;
      let columns = 1;
      while (Math.ceil(n / columns) * 300 / columns > 182) columns++; // the fewest with which all rows fit
      const side = 300 / columns;
      c.strokeStyle = colours.border;
      for (let i = film.length; i < n; i++) c.strokeRect(i % columns * side + 0.5, Math.floor(i / columns) * side + 0.5, side - 3, side - 3);
      film.forEach((image, i) => genbook.picture(c, grey(image), i % columns * side, Math.floor(i / columns) * side, side - 2, colours));
    }, "the estimates so far", "second");
    const shown = { step: stage.number("step"), a: stage.number("factor of the signal, a", true), s: stage.number("factor of the noise, s", true), ms: stage.number("time for a step") };
    const say = () => {
      shown.step(`${k} of ${plan.length - 1}`);
      shown.a(genbook.fixed(schedule.signal[plan[k]], 3));
      shown.s(genbook.fixed(schedule.noise[plan[k]], 3));
      shown.ms(k ? `${Math.round(spent / k)} ms` : "–");
    };
    const begin = () => {
      x = start;
      x0 = none;
      film = [];
      plan = times(steps.value);
      k = spent = 0;
      say();
      stage.draw();
    };
    const label = stage.choice("Digit asked for", { 10: "none", ...Object.fromEntries([..."0123456789"].map(d => [d, d])) }, "10", begin);
    label.select.prepend(label.select.querySelector("option[value='10']"));
    const steps = stage.slider("Steps", { min: 5, max: 50, step: 5, value: 20 }, begin);
    const scale = stage.slider("Guidance γ (needs a digit)", { min: 0, max: 5, step: 0.5, value: 1, show: v => genbook.fixed(v, 1) }, begin);
    const eta = stage.slider("Fresh noise η", { min: 0, max: 1, step: 0.1, value: 0, show: v => genbook.fixed(v, 1) }, begin);
    const step = () => {
      if (k === plan.length - 1) begin();
      const from = performance.now(), t = plan[k], then = plan[k + 1];
      x0 = estimate(net, x, t, Number(label.value), scale.value);
      x = ddim(x, x0, t, then, eta.value, chance);
      film.push(x0);
      k++;
      spent += performance.now() - from;
      say();
      const done = k === plan.length - 1;
      if (done) stage.say(`Finished: ${label.value === "10" ? "a digit" : `a ${label.value}`} in ${k} steps.`);
      return done;
    };
    const loop = stage.run(step, { playing: false });
    stage.button("New noise, and run", () => { start = chance.normals(784); begin(); loop.play(); });
    say();
    const pose = () => { for (let i = 0; i < 13; i++) step(); stage.draw(); };
    return { pose, net, schedule, unet, estimate, times, ddim, step, loop, get spent() { return spent / k; } };
  };
})();
