// Writes a value as elsewhere on the page.
function written(value, axis) {
  if (value === null || !Number.isFinite(value)) return "–";
  const points = Math.abs(100 * value).toFixed(1);
  switch (axis.format) {
    case "percent": return `${(Math.round(1000 * value) / 10).toFixed(1).replace("-", "−")}\u00a0%`;
    case "points": return points === "0.0" ? points : (value < 0 ? "−" : "+") + points;
    case "category": return (axis.ticks.find(([at]) => at === value) || [0, String(value)])[1];
    default: return shortNumber(value);
  }
}

// Writes a number with about four significant digits.
function shortNumber(value) {
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= 1e-3 && size < 1e6);
  const short = isPlain ? Number(value.toPrecision(size < 1e4 ? 4 : 6)) : value.toExponential(2).replace("e+", "e");
  return String(short).replaceAll("-", "−");
}

// Returns the position of a value, 0 to 1.
function fraction(axis, value) {
  if (axis.scale === "log") return Math.log(value / axis.low) / Math.log(axis.high / axis.low);
  return (value - axis.low) / (axis.high - axis.low);
}

// Returns an axis from 0 to the last value with ticks at round whole numbers.
function counted(title, values) {
  const high = Math.max(1, ...values);
  const power = 10 ** Math.floor(Math.log10(high / 5));
  const step = Math.max(1, power * [1, 2, 5, 10].find((digit) => digit * power >= high / 5));
  const ticks = Array.from({ length: Math.floor(high / step) + 1 }, (_, at) => [at * step, (at * step).toLocaleString("en-US")]);
  return { title, format: "number", scale: "linear", low: 0, high, ticks };
}

// Returns the logarithmic form of an axis for these values; nothing if there is none.
function logarithmic(axis, values) {
  const [low, high] = [Math.min(...values) / 1.05, Math.max(...values) * 1.05];
  if (!(low > 0) || !["number", "percent"].includes(axis.format)) return undefined;
  const powers = Array.from({ length: Math.ceil(Math.log10(high / low)) + 2 }, (_, at) => Math.floor(Math.log10(low)) + at);
  const multiples = (digits) => powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
  const choices = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1]].map(multiples);
  const inside = choices.map((ticks) => ticks.filter((value) => value >= low && value <= high));
  const few = inside.find((ticks) => ticks.length <= 6) || inside[2].filter((_, at) => at % Math.ceil(inside[2].length / 6) === 0);
  const label = (value) => (axis.format === "percent" ? `${shortNumber(100 * value)} %` : shortNumber(value));
  return { ...axis, scale: "log", low, high, ticks: (few.length ? few : [low, high]).map((value) => [value, label(value)]) };
}
