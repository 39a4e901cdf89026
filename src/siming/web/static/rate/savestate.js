// The state of what was entered, in words. "Saved" is only said of what a disk has confirmed.

export class SaveState {
  constructor(element, words, journal, sender) {
    this.element = element
    this.words = words
    this.journal = journal
    this.sender = sender
    this.stopped = null
    this.locked = null
    journal.addEventListener('changed', () => this.show())
    for (const kind of ['saved', 'link', 'signed-out', 'stale', 'stopped', 'closed', 'refused']) {
      sender.addEventListener(kind, () => this.show())
    }
  }

  // Editing has ended because something cannot be saved; `reason` is a sentence, null when all is well again.
  stop(reason) {
    this.stopped = reason
    this.show()
  }

  // The work was submitted: `receipt` says when it was locked and by which digest that can be proved.
  lock(receipt) {
    this.locked = receipt
    this.show()
  }

  get kind() {
    const { journal, sender } = this
    if (this.stopped) return 'stopped'
    if (this.locked) return 'locked'
    if (journal.writing) return 'saving'
    if (journal.unsent.length) return 'device'
    return sender.savedAt ? 'server' : 'nothing'
  }

  get sentence() {
    const { words, journal, sender } = this
    switch (this.kind) {
      case 'stopped':
        return this.stopped
      case 'locked':
        return words.say('locked_at', { time: words.stamp(this.locked.locked_at), receipt: this.locked.receipt.slice(0, 12) })
      case 'saving':
        return words.say('saving')
      case 'device':
        return words.say(sender.online ? 'saved_device' : 'saved_device_offline', { n: journal.unsent.length })
      case 'server':
        return words.say('saved_server', { time: words.clock(sender.savedAt) })
      default:
        return words.say(sender.online ? 'nothing_yet' : 'nothing_yet_offline')
    }
  }

  show() {
    const { kind, element } = this
    const last = this.journal.records.findLast(({ state }) => state === 'sent')
    element.dataset.state = kind
    // For whoever must know exactly what was promised: the last change on the device's disk, and on the server's.
    element.dataset.device = String(this.journal.durable)
    element.dataset.server = String(last?.client_seq ?? 0)
    const sentence = this.sentence
    if (element.textContent !== sentence) element.textContent = sentence
  }
}
