// The reader's language: sentences from web/texts (keys flat, counted ones as {one, other}), numbers and times as the
// page writes them.
export class Words {
  constructor(texts, language) {
    this.texts = texts
    this.language = language
  }

  // words.say('levels.3.name'), words.say('unsent', { n: 4 })
  say(key, values = {}) {
    const found = this.texts[key]
    const text = typeof found === 'object' && found ? (values.n === 1 && found.one) || found.other : found
    if (typeof text !== 'string') return key
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole))
  }

  // A rubric's own text, which comes in both languages; English where the other is missing.
  of(pair) {
    return pair?.[this.language] || pair?.en || ''
  }

  // 1.5 -> "1.5", 3 -> "3", -0 -> "0": points carry no idle decimals.
  points(value) {
    return String(Math.round(value * 1000) / 1000 + 0)
  }

  // 83.04 -> "1:23.04"; hundredths tell neighbouring pictures of 60 a second apart.
  time(seconds, decimals = 2) {
    const unit = 10 ** decimals
    const ticks = Math.floor(Math.max(0, seconds) * unit + 1e-4)
    const whole = Math.floor(ticks / unit)
    const rest = decimals ? `.${String(ticks % unit).padStart(decimals, '0')}` : ''
    const hours = Math.floor(whole / 3600)
    const minutes = Math.floor((whole % 3600) / 60)
    const clock = `${String(whole % 60).padStart(2, '0')}${rest}`
    return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${clock}` : `${minutes}:${clock}`
  }

  // The same with its day: what was locked is looked at long afterwards.
  stamp(iso) {
    const date = new Date(iso)
    const part = (number) => String(number).padStart(2, '0')
    return `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())} ${this.clock(iso)}`
  }

  // The server's word for when, in the reader's own time zone.
  clock(iso) {
    const date = new Date(iso)
    const part = (number) => String(number).padStart(2, '0')
    return `${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}`
  }
}

// "1:23.4", "83.4" or "1:02:03" in seconds; null where it is no time.
export function secondsOf(text) {
  const parts = text.trim().replace(/：/g, ':').split(':')
  if (!parts.length || parts.length > 3 || parts.some((part) => !/^\d+(\.\d*)?$/.test(part))) return null
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0)
}
