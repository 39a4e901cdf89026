// Sets of stretches of time, as sorted [[start, end], ...] that do not touch.

// Add a stretch; what lies closer together than `gap` becomes one.
export function withSpan(spans, [start, end], gap = 0.3) {
  const out = []
  let own = [start, end]
  for (const span of spans) {
    if (span[1] + gap < own[0]) out.push(span)
    else if (span[0] > own[1] + gap) {
      out.push(own)
      own = span
    } else own = [Math.min(own[0], span[0]), Math.max(own[1], span[1])]
  }
  out.push(own)
  return out
}

export function total(spans) {
  return spans.reduce((sum, [start, end]) => sum + end - start, 0)
}

// Evidence kept in order of time; the same interval is not kept twice.
export function withEvidence(intervals, interval) {
  const others = intervals.filter(([start, end]) => start !== interval[0] || end !== interval[1])
  return [...others, interval].sort((a, b) => a[0] - b[0] || a[1] - b[1])
}
