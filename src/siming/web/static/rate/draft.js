// What the rater has entered so far: the fold of all changes, by the same rule as the server's (store/draft.py).
// A change carries the whole new value of one field, so applying it twice does no harm; null clears the field.

export const STEP_FIELDS = ['points', 'blank', 'deductions', 'evidence', 'note', 'unsure']
export const WHOLE_FIELDS = ['bookmarks', 'played']

export class Draft extends EventTarget {
  constructor(document = {}) {
    super()
    this.document = structuredClone(document)
  }

  // Everything of a step, with what was not entered as null, empty or false.
  entry(rubric, step) {
    const own = this.document.steps?.[rubric]?.[step] ?? {}
    return {
      points: own.points ?? null,
      blank: own.blank ?? null,
      deductions: own.deductions ?? [],
      evidence: own.evidence ?? [],
      note: own.note ?? '',
      unsure: own.unsure ?? false,
    }
  }

  scored(rubric, step) {
    const { points, blank } = this.entry(rubric, step)
    return points !== null || blank !== null
  }

  get bookmarks() {
    return this.document.bookmarks ?? []
  }

  get played() {
    return this.document.played ?? []
  }

  // The present value of the field that a change speaks of; null where nothing was entered.
  value({ field, rubric, step }) {
    if (WHOLE_FIELDS.includes(field)) return this.document[field] ?? null
    if (field === 'global_rating') return this.document.global_rating?.[rubric] ?? null
    return this.document.steps?.[rubric]?.[step]?.[field] ?? null
  }

  apply({ field, rubric, step, value }) {
    if (WHOLE_FIELDS.includes(field)) put(this.document, [field], value)
    else if (field === 'global_rating') put(this.document, ['global_rating', rubric], value)
    else put(this.document, ['steps', rubric, step, field], value)
    this.dispatchEvent(new CustomEvent('changed', { detail: { field, rubric, step } }))
  }
}

// Whether two values of a field are the same, whatever order their keys came in.
export function sameValue(a, b) {
  return plain(a) === plain(b)
}

function plain(value) {
  const sorted = (_, part) => (part && typeof part === 'object' && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part)
  return JSON.stringify(value ?? null, sorted)
}

function put(document, path, value) {
  const last = path[path.length - 1]
  let place = document
  for (const part of path.slice(0, -1)) place = place[part] ??= {}
  if (value === null || value === undefined) delete place[last]
  else place[last] = value
}
