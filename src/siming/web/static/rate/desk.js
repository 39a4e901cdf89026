// What the rater holds in hands: the draft, its journal and history, and the line to the server. Every edit goes through
// `change`, which shows it at once and takes it back, loudly, if the device's disk does not take it.
//
// Says: "draft" (a field changed), "writing" (may one edit?), "saved" (the server's answer: limits, totals),
// "refused", "stale", "closed", "signed-out", "failed" (the device cannot save), "stopped" (the server cannot save).

import { sameValue } from './draft.js'
import { History } from './history.js'
import { newId } from './tabs.js'

const CLEARED = { deductions: [], evidence: [], note: '', unsure: false, bookmarks: [], played: [] }
const TYPING_WAIT_MS = 800 // a sentence becomes a few events, not one for each letter

export class Desk extends EventTarget {
  constructor({ draft, journal, sender, person }) {
    super()
    Object.assign(this, { draft, journal, sender, person })
    this.history = new History()
    this.how = new Map()
    this.fence = null
    this.writer = false
    this.halted = null // 'device' or 'server' while something cannot be saved
    this.typing = null
    draft.addEventListener('changed', ({ detail }) => this.#say('draft', detail))
    for (const kind of ['refused', 'stale', 'closed', 'signed-out', 'device', 'stopped']) {
      sender.addEventListener(kind, ({ detail }) => this.#onSender(kind, detail))
    }
    sender.addEventListener('saved', ({ detail }) => {
      if (this.halted === 'server') this.#halt(null)
      this.#say('saved', detail)
    })
  }

  #say(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }))
  }

  get writable() {
    return this.writer && this.halted === null
  }

  // Take up the work where server and device left it. What this device made under an older lease than the present one
  // is sent as such: another has written since, so the server keeps it aside.
  async takeUp({ view, fence, writer, last_client_seq, aside }) {
    const { journal } = this
    const lost = new Set(aside.filter(({ client }) => client === journal.client).map(({ client_seq }) => client_seq))
    const arrived = journal.unsent.map(({ client_seq }) => client_seq).filter((seq) => seq <= last_client_seq)
    await journal.mark(arrived.filter((seq) => !lost.has(seq)), 'sent')
    await journal.mark(arrived.filter((seq) => lost.has(seq)), 'aside')
    journal.atLeast(last_client_seq)
    this.writer = writer && !view.read_only
    this.fence = writer ? fence : null
    this.#fold(view, fence)
    // What the server has just shown is what it holds.
    if (view.seq && !journal.unsent.length) this.sender.savedAt = view.server_time
    this.sender.start(this.fence)
    this.#say('writing')
  }

  // Without a network: what was opened here before, with everything this device added since.
  goOn(view, fence) {
    this.fence = fence
    this.writer = fence !== null && !view.read_only
    this.#fold(view, fence)
    this.#say('writing')
  }

  #fold(view, fence) {
    const { journal, draft } = this
    draft.document = structuredClone(view.draft ?? {})
    // A kept view is older than what has been sent since; the server's view holds all of it.
    for (const record of journal.records) {
      const later = record.state === 'unsent' ? record.fence === fence : record.state === 'sent' && record.seq > view.seq
      if (later) draft.apply(record)
    }
    this.#remember()
    this.#say('draft', { field: null })
  }

  #remember() {
    this.history = new History(this.journal.records.filter(({ state }) => state === 'unsent' || state === 'sent'))
    this.how.clear()
    for (const record of this.journal.records) this.#noteHow(record)
  }

  #noteHow({ field, rubric, step, how }) {
    if (field === 'points') this.how.set(`${rubric} ${step}`, how ?? null)
  }

  // Whether the points of a step were typed, came with a level, or follow from its deductions.
  pointsFrom(rubric, step) {
    return this.how.get(`${rubric} ${step}`) ?? null
  }

  // Change fields: [{field, rubric, step, value, how}]. One call is one act of the rater, undone as one.
  // Resolves true when the device's disk has it.
  async change(changes, { media_s = null, group = newId('g'), wait_ms } = {}) {
    const fresh = changes
      .map((change) => ({ ...change, value: sameValue(change.value, CLEARED[change.field]) ? null : change.value }))
      .filter((change) => !sameValue(change.value, this.draft.value(change)))
    if (!fresh.length) return true
    if (!this.writable) {
      this.#say('locked')
      return false
    }
    const at = new Date().toISOString()
    const notes = fresh.map((change) => ({
      ...change, rubric: change.rubric ?? null, step: change.step ?? null, old: this.draft.value(change),
      media_s, at, group, fence: this.fence, person: this.person.id,
    }))
    for (const note of notes) this.#noteHow(note)
    const written = this.journal.append(notes)
    for (const note of notes) this.draft.apply(note)
    for (const note of notes) this.history.note(note)
    try {
      const records = await written
      this.sender.kick(false, wait_ms)
      return records
    } catch (error) {
      for (const note of notes.reverse()) this.draft.apply({ ...note, value: note.old })
      this.#remember()
      this.#halt('device', error)
      return false
    }
  }

  // The text of a field while it is typed: on the disk letter by letter, for the server and for undo one act.
  async type(change, media_s) {
    const open = this.typing
    const goesOn = open && open.field === change.field && open.rubric === change.rubric && open.step === change.step
    if (!goesOn) this.typing = { ...change, group: newId('g'), record: null }
    const typing = this.typing
    const record = typing.record
    if (record && record.state === 'unsent' && !record.taken && this.writable && change.value !== '') {
      const before = this.draft.value(change)
      this.draft.apply(change)
      this.history.note({ ...record, value: change.value })
      try {
        await this.journal.amend(record, change.value)
        this.sender.kick(false, TYPING_WAIT_MS)
      } catch (error) {
        this.draft.apply({ ...change, value: before })
        this.#halt('device', error)
      }
      return
    }
    typing.record = null
    const written = this.change([change], { media_s, group: typing.group, wait_ms: TYPING_WAIT_MS })
    typing.record = this.journal.records.at(-1)?.group === typing.group ? this.journal.records.at(-1) : null
    await written
  }

  typed() {
    this.typing = null
    this.sender.kick()
  }

  // Resolves when the server has everything, or when it does not get there in time.
  async settled(most_ms) {
    this.sender.kick(true)
    for (const end = Date.now() + most_ms; this.journal.writing || this.journal.unsent.length; ) {
      if (Date.now() > end) return
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }

  // Undo or redo: what is changed, or null where there is nothing (more). It is shown when this returns, not when the
  // disk has it, so that a next key pressed quickly acts after it and not in its midst.
  undo(way = 'undo') {
    this.typing = null
    const changes = this.history[way]((change) => this.draft.value(change))
    if (changes) this.change(changes)
    return changes
  }

  #onSender(kind, detail) {
    if (kind === 'stopped') this.#halt('server', detail)
    else if (kind === 'device') this.#halt('device', detail)
    else if (kind === 'stale' || kind === 'closed') {
      this.writer = false
      this.#say(kind, detail)
      this.#say('writing')
    } else {
      if (kind === 'refused') this.#takeBack(detail.record)
      this.#say(kind, detail)
    }
  }

  // The server will not have this change: the field goes back to what it was, and the step says why.
  #takeBack(record) {
    this.#remember()
    if (sameValue(this.draft.value(record), record.value)) this.draft.apply({ ...record, value: record.old })
  }

  #halt(who, error) {
    if (this.halted === who) return
    this.halted = who
    this.#say(who === null ? 'resumed' : who === 'device' ? 'failed' : 'stopped', error)
    this.#say('writing')
  }
}
