// Undo and redo without end. A group is what one key did (a deduction and the points that follow from it); undoing it is
// itself a change that sends the old values, so the record of what happened stays whole.
//
// The history is the journal read from the start: it survives a reload because the journal does.

import { sameValue } from './draft.js'

export class History {
  constructor(records = []) {
    this.done = []
    this.undone = []
    for (const record of records) this.note(record)
  }

  // Take one journal record into account, in the order in which they were made.
  note(record) {
    if (record.field === 'played') return
    if (record.undoes) return this.#move(this.done, this.undone, record.undoes)
    if (record.redoes) return this.#move(this.undone, this.done, record.redoes)
    const last = this.done.at(-1)
    const change = { field: record.field, rubric: record.rubric, step: record.step, old: record.old, value: record.value }
    if (last?.id === record.group) {
      const same = last.changes.find((other) => sameField(other, change))
      if (same) same.value = change.value
      else last.changes.push(change)
    } else {
      this.done.push({ id: record.group, changes: [change] })
    }
    this.undone = []
  }

  #move(from, to, id) {
    const at = from.findLastIndex((group) => group.id === id)
    if (at >= 0) to.push(...from.splice(at, 1))
  }

  // The changes that take the last group back, or null. `present` tells what a field holds now: where another device
  // has since written something else, that stays, and the group leaves the history.
  undo(present) {
    return this.#next(this.done, present, (change) => [change.value, change.old], 'undoes')
  }

  redo(present) {
    return this.#next(this.undone, present, (change) => [change.old, change.value], 'redoes')
  }

  #next(stack, present, sides, mark) {
    while (stack.length) {
      const group = stack.at(-1)
      const changes = [...group.changes].reverse().map((change) => ({ change, sides: sides(change) }))
      if (changes.every(({ change, sides: [from] }) => sameValue(present(change), from))) {
        return changes.map(({ change: { field, rubric, step }, sides: [, value] }) =>
          ({ field, rubric, step, value, [mark]: group.id }))
      }
      stack.pop()
    }
    return null
  }
}

const sameField = (a, b) => a.field === b.field && a.rubric === b.rubric && a.step === b.step
