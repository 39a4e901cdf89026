// Points of one step: what ticked deductions leave, which points are legal, which level points mean.
// The same arithmetic as siming.rubric.points; points count in thousandths so that tenths add up exactly.

const milli = (points) => Math.round(points * 1000)

// Points left when these deductions are ticked: of a group only the dearest counts, and a step never goes below 0.
export function pointsAfter(step, ticked) {
  const taken = step.deductions.filter((deduction) => ticked.includes(deduction.id))
  const dearest = new Map()
  for (const deduction of taken) {
    const group = deduction.group ?? deduction.id
    dearest.set(group, Math.max(dearest.get(group) ?? 0, milli(deduction.points)))
  }
  let left = milli(step.max_points)
  for (const price of dearest.values()) left -= Math.min(left, price)
  return left / 1000
}

// What each ticked deduction really costs; 0 where a dearer one of its group stands for it.
export function charges(step, ticked) {
  const out = new Map()
  const groups = new Set()
  let left = milli(step.max_points)
  for (const deduction of step.deductions.filter(({ id }) => ticked.includes(id))) {
    const group = deduction.group ?? deduction.id
    out.set(deduction.id, out.get(deduction.id) ?? 0)
    if (groups.has(group)) continue
    groups.add(group)
    const rivals = step.deductions.filter((other) => ticked.includes(other.id) && (other.group ?? other.id) === group)
    const payer = rivals.reduce((best, other) => (other.points > best.points ? other : best))
    const paid = Math.min(left, milli(payer.points))
    out.set(payer.id, paid / 1000)
    left -= paid
  }
  return out
}

// Level 3 to 0 of these points; a critical deduction is level 0 whatever is left. Null where no points are given.
export function levelOf(step, points, ticked = []) {
  if (points === null || points === undefined) return null
  if (step.deductions.some(({ id, severity }) => severity === 'critical' && ticked.includes(id))) return 0
  for (const level of [3, 2, 1, 0]) {
    const range = step.ranges[level]
    if (range && milli(points) >= milli(range[0]) && milli(points) <= milli(range[1])) return level
  }
  return null
}

// What a level key gives: full marks, nothing, or the middle of the level's range rounded down to a legal value.
// Null where the step is worth too little to have that level.
export function pointsOfLevel(step, level) {
  const range = step.ranges[level]
  if (!range) return null
  if (level === 3) return step.max_points
  if (level === 0) return 0
  const grain = milli(step.point_step ?? 0.5)
  const middle = Math.floor((milli(range[0]) + milli(range[1])) / 2 / grain) * grain
  return Math.max(milli(range[0]), middle) / 1000
}

// What a scored step still lacks before it can be submitted ('explained', 'exact', 'evidence'), as the server's summary
// will ask for it.
export function lacking(step, { points, blank, deductions, evidence, note }, { explain, evidence_required }) {
  if (points === null || blank !== null) return []
  const lost = milli(step.max_points) - milli(points)
  const explained = milli(step.max_points) - milli(pointsAfter(step, deductions))
  const out = []
  if (explain === 'some' && lost > 0 && !deductions.length && !note.trim()) out.push('explained')
  if (explain === 'exact' && !note.trim() && explained !== lost) out.push(explained < lost ? 'explained' : 'exact')
  if (evidence_required && lost > 0 && !evidence.length) out.push('evidence')
  return out
}

// Why typed points cannot stand ('number', 'range', 'grain'), or null where they can.
export function wrongPoints(step, text) {
  if (!/^\s*\d+([.,]\d+)?\s*$/.test(text)) return 'number'
  const points = milli(Number(text.replace(',', '.')))
  if (points > milli(step.max_points)) return 'range'
  if (points !== milli(step.max_points) && points % milli(step.point_step ?? 0.5)) return 'grain'
  return null
}
