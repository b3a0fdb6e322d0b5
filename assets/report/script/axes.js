// Axes: where values are, how they are written, and which ticks are round.

// Writes a value as the page does everywhere else.
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

// Writes a number of any magnitude with about four significant digits.
function shortNumber(value) {
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= 1e-3 && size < 1e6);
  const short = isPlain ? Number(value.toPrecision(size < 1e4 ? 4 : 6)) : value.toExponential(2).replace("e+", "e");
  return String(short).replaceAll("-", "−");
}

// Returns the position of a value, 0 at the low and 1 at the high end.
function fraction(axis, value) {
  if (axis.scale === "log") return Math.log(value / axis.low) / Math.log(axis.high / axis.low);
  return (value - axis.low) / (axis.high - axis.low);
}

// Returns an axis from 0 to the last value with ticks at whole numbers.
function counted(title, values) {
  const high = Math.max(1, ...values);
  const rough = high / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((digit) => digit * power).find((each) => each >= rough * 0.999));
  const ticks = [];
  for (let value = 0; value <= high * (1 + 1e-9); value += step) ticks.push([value, value.toLocaleString("en-US")]);
  return { title, format: "number", scale: "linear", low: 0, high, ticks };
}

// Returns the logarithmic form of an axis for these values, or null if there is none.
function logarithmic(axis, values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (!(low > 0) || !["number", "percent"].includes(axis.format)) return null;
  const [from, to] = high / low > 1.1 ? [low / 1.05, high * 1.05] : [low / 1.5, high * 1.5];
  const candidates = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
    for (let digit = 1; digit < 10; digit += 1) candidates.push([digit, Number(`${digit}e${power}`)]);
  }
  const inside = candidates.filter(([, value]) => value >= from && value <= to);
  const choices = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1]].map((digits) => inside.filter(([digit]) => digits.includes(digit)));
  const chosen = choices.find((ticks) => ticks.length <= 6) || choices[2].filter((_, at, all) => at % Math.ceil(all.length / 6) === 0);
  const label = (value) => (axis.format === "percent" ? `${shortNumber(100 * value)} %` : shortNumber(value));
  const ticks = (chosen.length ? chosen.map(([, value]) => value) : [low, high]).map((value) => [value, label(value)]);
  return { ...axis, scale: "log", low: from, high: to, ticks };
}
