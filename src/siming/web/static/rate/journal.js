// Every change of one assignment on this device, in the order in which it was made.
//
// A record is the change as the server wants it (client_seq, field, rubric, step, value, media_s, at) and, for this
// device alone: assignment, client, fence, person, old (the value before), group / undoes / redoes (for history),
// how (points: typed, level or deductions), state.
//
// `state` is "unsent" until the server has it ("sent"), keeps it aside ("aside") or refuses it ("refused").

import { DeviceError } from './device.js'

export class Journal extends EventTarget {
  constructor(device, assignment, client, person) {
    super()
    this.device = device
    this.assignment = assignment
    this.client = client
    this.person = person
    this.records = []
    this.others = []
    this.writing = 0
    this.durable = 0
    this.nextSeq = 1
  }

  // Read what this device holds of this person's work on the assignment; what other tabs left behind lies in `others`.
  async load() {
    const all = (await Journal.all(this.device, this.assignment)).filter(({ person }) => person === this.person)
    this.records = all.filter(({ client }) => client === this.client)
    this.others = all.filter(({ client }) => client !== this.client)
    this.durable = this.records.at(-1)?.client_seq ?? 0
    this.nextSeq = this.durable + 1
  }

  static async all(device, assignment) {
    const found = await device.read('changes', (store) => store.index('assignment').getAll(assignment))
    return found.sort((a, b) => (a.client < b.client ? -1 : a.client > b.client ? 1 : a.client_seq - b.client_seq))
  }

  get unsent() {
    return this.records.filter(({ state }) => state === 'unsent')
  }

  // What may be sent: the server never has what this device could still lose, or its number would be given twice.
  get ready() {
    return this.unsent.filter(({ client_seq }) => client_seq <= this.durable)
  }

  // Numbers of this device's changes below what the server has seen from us would be taken for old ones.
  atLeast(seq) {
    this.nextSeq = Math.max(this.nextSeq, seq + 1)
  }

  // Write new changes; resolves when the disk has all of them, and rejects when it has none of them.
  async append(changes) {
    const records = changes.map((change) => ({
      ...change, assignment: this.assignment, client: this.client, client_seq: this.nextSeq++, state: 'unsent',
    }))
    this.records.push(...records)
    await this.#write(records, () => {
      this.records = this.records.filter((record) => !records.includes(record))
    })
    return records
  }

  // While a text is being typed, the change that no request has taken yet takes the newer text.
  async amend(record, value) {
    const before = record.value
    record.value = value
    await this.#write([record], () => {
      record.value = before
    })
  }

  async mark(seqs, state, extra = {}) {
    const wanted = new Set(seqs)
    const records = this.records.filter((record) => wanted.has(record.client_seq) && record.state !== state)
    for (const record of records) Object.assign(record, extra, { state })
    if (records.length) await this.#write(records, () => {})
  }

  async markOthers(client, seqs, state) {
    const wanted = new Set(seqs)
    const records = this.others.filter((record) => record.client === client && wanted.has(record.client_seq))
    for (const record of records) record.state = state
    if (records.length) await this.#write(records, () => {})
  }

  async #write(records, takeBack) {
    this.writing += 1
    this.#tell()
    try {
      await this.device.write('changes', (store) => {
        for (const record of records) store.put(plain(record))
      })
      for (const { client, client_seq } of records) {
        if (client === this.client) this.durable = Math.max(this.durable, client_seq)
      }
    } catch (error) {
      takeBack()
      throw error instanceof DeviceError ? error : new DeviceError(error)
    } finally {
      this.writing -= 1
      this.#tell()
    }
  }

  #tell() {
    this.dispatchEvent(new Event('changed'))
  }
}

// What a request carries of a record.
export function wire({ client_seq, field, rubric, step, value, media_s, at }) {
  return { client_seq, field, rubric, step, value, media_s, at }
}

// `taken` only says that a request is under way; it must not outlive the page.
function plain({ taken, ...record }) {
  return record
}
