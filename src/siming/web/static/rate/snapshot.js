// The digest by which device and server make sure that they hold the same, as store/draft.py computes it.
// Numbers go in as whole thousandths of a point and millionths of a second: languages print fractions differently.

const milli = (points) => Math.floor(points * 1000 + 0.5)
const micro = (seconds) => Math.floor(seconds * 1e6 + 0.5)

export function snapshotText(draft, rubrics) {
  const lines = rubrics.flatMap((rubric) =>
    rubric.steps.map((step) => {
      const entered = draft.steps?.[rubric.id]?.[step.id] ?? {}
      const evidence = (entered.evidence ?? []).map(([start, end]) => [micro(start), micro(end)])
      return [
        rubric.id,
        step.id,
        entered.points === null || entered.points === undefined ? null : milli(entered.points),
        entered.blank?.status ?? null,
        entered.blank?.reason ?? null,
        [...(entered.deductions ?? [])].sort(),
        evidence.sort((a, b) => a[0] - b[0] || a[1] - b[1]),
        entered.note ?? '',
        entered.unsure ?? false,
      ]
    }),
  )
  const impressions = rubrics.map((rubric) => [rubric.id, draft.global_rating?.[rubric.id] ?? null])
  return JSON.stringify(['siming.snapshot/1', lines, impressions])
}

export async function snapshotSha256(draft, rubrics) {
  const bytes = new TextEncoder().encode(snapshotText(draft, rubrics))
  const digest = await crypto.subtle.digest('SHA-256', bytes)
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
