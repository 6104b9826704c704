// The networks' layers on typed arrays. An image is {data: Float32Array, c, h, w}, channels first; a layer takes what
// genbook.tensors found under its name. One product of matrices carries all of them.
(() => {
  // out (m x n) += a (m x k) b (k x n), row by row, four rows of b at a time.
  function product(out, a, b, m, k, n) {
    for (let i = 0; i < m; i++) {
      const row = out.subarray(i * n, (i + 1) * n);
      let q = 0;
      for (; q + 3 < k; q += 4) {
        const w0 = a[i * k + q], w1 = a[i * k + q + 1], w2 = a[i * k + q + 2], w3 = a[i * k + q + 3];
        const b0 = q * n, b1 = b0 + n, b2 = b1 + n, b3 = b2 + n;
        for (let p = 0; p < n; p++) row[p] += w0 * b[b0 + p] + w1 * b[b1 + p] + w2 * b[b2 + p] + w3 * b[b3 + p];
      }
      for (; q < k; q++) {
        const w = a[i * k + q], at = q * n;
        for (let p = 0; p < n; p++) row[p] += w * b[at + p];
      }
    }
    return out;
  }

  const each = (x, f) => x.map ? x.map(f) : { ...x, data: x.data.map(f) };
  const silu = x => each(x, v => v / (1 + Math.exp(-v)));
  const relu = x => each(x, v => v > 0 ? v : 0);
  const leaky = slope => x => each(x, v => v > 0 ? v : slope * v);
  const tanh = x => each(x, Math.tanh);
  const sigmoid = x => each(x, v => v >= 0 ? 1 / (1 + Math.exp(-v)) : Math.exp(v) / (1 + Math.exp(v)));
  const softplus = v => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));

  // A linear layer on a row of numbers.
  function linear(net, name, x) {
    const { data: w, shape: [outputs, inputs] } = net[`${name}.weight`], b = net[`${name}.bias`]?.data;
    const out = new Float32Array(outputs);
    for (let i = 0; i < outputs; i++) {
      let sum = b ? b[i] : 0;
      for (let j = 0, at = i * inputs; j < inputs; j++) sum += w[at + j] * x[j];
      out[i] = sum;
    }
    return out;
  }

  // The patches of an image as the columns of a matrix, (c k k) x (h' w').
  function patches(x, k, stride, pad) {
    const h = Math.floor((x.h + 2 * pad - k) / stride) + 1, w = Math.floor((x.w + 2 * pad - k) / stride) + 1;
    if (k === 1 && stride === 1 && !pad) return { data: x.data, h, w };
    const data = new Float32Array(x.c * k * k * h * w);
    let at = 0;
    for (let c = 0; c < x.c; c++) for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) {
      for (let y = 0; y < h; y++) {
        const row = y * stride + i - pad;
        if (row < 0 || row >= x.h) { at += w; continue; }
        const from = (c * x.h + row) * x.w + j - pad;
        for (let z = 0; z < w; z++, at++) {
          const column = z * stride + j - pad;
          if (column >= 0 && column < x.w) data[at] = x.data[from + z * stride];
        }
      }
    }
    return { data, h, w };
  }

  function addBias(data, bias, c, n) {
    if (bias) for (let i = 0, at = 0; i < c; i++) for (let p = 0; p < n; p++, at++) data[at] += bias[i];
    return data;
  }

  function convolution(net, name, x, { stride = 1, pad = 0 } = {}) {
    const { data: weight, shape: [c, , k] } = net[`${name}.weight`];
    const columns = patches(x, k, stride, pad), n = columns.h * columns.w;
    const data = product(new Float32Array(c * n), weight, columns.data, c, x.c * k * k, n);
    return { data: addBias(data, net[`${name}.bias`]?.data, c, n), c, h: columns.h, w: columns.w };
  }

  // The transpose of a convolution: each number of the small image lays its k x k weights onto the large one.
  function transposed(net, name, x, { stride = 1, pad = 0 } = {}) {
    const { data: weight, shape: [, c, k] } = net[`${name}.weight`];
    const h = (x.h - 1) * stride + k - 2 * pad, w = (x.w - 1) * stride + k - 2 * pad, n = x.h * x.w;
    const turned = new Float32Array(c * k * k * x.c), rows = c * k * k;
    for (let i = 0; i < x.c; i++) for (let r = 0; r < rows; r++) turned[r * x.c + i] = weight[i * rows + r];
    const columns = product(new Float32Array(rows * n), turned, x.data, rows, x.c, n);
    const data = new Float32Array(c * h * w);
    let at = 0;
    for (let o = 0; o < c; o++) for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) {
      for (let y = 0; y < x.h; y++) for (let z = 0; z < x.w; z++, at++) {
        const row = y * stride + i - pad, column = z * stride + j - pad;
        if (row >= 0 && row < h && column >= 0 && column < w) data[(o * h + row) * w + column] += columns[at];
      }
    }
    return { data: addBias(data, net[`${name}.bias`]?.data, c, h * w), c, h, w };
  }

  // Group normalisation; then, where they are given, a scale 1 + a and a shift b of each channel.
  function groupNorm(net, name, x, a = null, b = null, groups = 8) {
    const weight = net[`${name}.weight`].data, bias = net[`${name}.bias`].data;
    const n = x.h * x.w, size = x.c / groups * n, data = new Float32Array(x.data.length);
    for (let g = 0; g < groups; g++) {
      let mean = 0, square = 0;
      for (let p = g * size; p < (g + 1) * size; p++) mean += x.data[p];
      mean /= size;
      for (let p = g * size; p < (g + 1) * size; p++) square += (x.data[p] - mean) ** 2;
      const scale = 1 / Math.sqrt(square / size + 1e-5);
      for (let p = g * size; p < (g + 1) * size; p++) {
        const c = Math.floor(p / n), v = (x.data[p] - mean) * scale * weight[c] + bias[c];
        data[p] = a ? v * (1 + a[c]) + b[c] : v;
      }
    }
    return { ...x, data };
  }

  // Batch normalisation as it is after training, with the means and variances that were kept.
  function batchNorm(net, name, x) {
    const of = part => net[`${name}.${part}`].data, n = x.h * x.w, data = new Float32Array(x.data.length);
    const weight = of("weight"), bias = of("bias"), mean = of("running_mean"), variance = of("running_var");
    for (let c = 0, p = 0; c < x.c; c++) {
      const scale = weight[c] / Math.sqrt(variance[c] + 1e-5);
      for (let q = 0; q < n; q++, p++) data[p] = (x.data[p] - mean[c]) * scale + bias[c];
    }
    return { ...x, data };
  }

  // Self-attention of all places of a small image, several heads.
  function attention(q, k, v, heads, c, n) {
    const d = c / heads, out = new Float32Array(c * n), weights = new Float32Array(n);
    for (let head = 0; head < heads; head++) for (let i = 0; i < n; i++) {
      let top = -Infinity, sum = 0;
      for (let j = 0; j < n; j++) {
        let dot = 0;
        for (let e = 0; e < d; e++) dot += q[(head * d + e) * n + i] * k[(head * d + e) * n + j];
        weights[j] = dot / Math.sqrt(d);
        top = Math.max(top, weights[j]);
      }
      for (let j = 0; j < n; j++) sum += weights[j] = Math.exp(weights[j] - top);
      for (let e = 0; e < d; e++) {
        let mixed = 0;
        for (let j = 0; j < n; j++) mixed += weights[j] * v[(head * d + e) * n + j];
        out[(head * d + e) * n + i] = mixed / sum;
      }
    }
    return out;
  }

  const join = (x, y) => {
    const data = new Float32Array(x.data.length + y.data.length);
    data.set(x.data);
    data.set(y.data, x.data.length);
    return { data, c: x.c + y.c, h: x.h, w: x.w };
  };
  const add = (x, y) => ({ ...x, data: x.data.map((v, k) => v + y.data[k]) });
  const double = x => { // nearest neighbour
    const data = new Float32Array(4 * x.data.length), h = 2 * x.h, w = 2 * x.w;
    for (let at = 0; at < data.length; at++) {
      const c = Math.floor(at / (h * w)), i = Math.floor(at / w) % h, j = at % w;
      data[at] = x.data[(c * x.h + (i >> 1)) * x.w + (j >> 1)];
    }
    return { data, c: x.c, h, w };
  };

  genbook.kernels = { product, silu, relu, leaky, tanh, sigmoid, softplus, linear, convolution, transposed, groupNorm,
                      batchNorm, attention, join, add, double };
})();
