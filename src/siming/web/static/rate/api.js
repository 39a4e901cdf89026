// Calls of the exam room's API. An answer that is no answer of ours (a proxy's page, a hotel's sign-in) counts as no
// network: what is on the device stays there until siming itself has spoken.

const PATIENCE_MS = 20000

export class ApiError extends Error {
  constructor(status, error, retryAfter) {
    super(error.message ?? `status ${status}`)
    this.name = 'ApiError'
    this.status = status
    this.code = error.code ?? ''
    this.kind = error.kind ?? ''
    this.field = error.field ?? null
    this.detail = error.detail ?? {}
    this.retryAfter = retryAfter
  }
}

export class NoNetwork extends Error {}

export class Api {
  constructor(assignment, csrf) {
    this.base = `/api/v1/assignments/${encodeURIComponent(assignment)}`
    this.csrf = csrf
  }

  view() {
    return this.call('GET', this.base)
  }

  open(client, takeOver) {
    return this.call('POST', `${this.base}/open`, { client, take_over: takeOver })
  }

  send(body) {
    return this.call('POST', `${this.base}/changes`, body)
  }

  adopt(aside, client, fence) {
    return this.call('POST', `${this.base}/aside/${encodeURIComponent(aside)}/adopt`, { client, fence })
  }

  // Who is signed in now; takes up the form token of that session.
  async session() {
    const session = await this.call('GET', '/api/v1/session')
    this.csrf = session.csrf
    return session
  }

  // Sign in again without leaving the page. Who is signed out gets his form token from the sign-in page.
  async signIn(login, password) {
    try {
      const page = new DOMParser().parseFromString(await (await fetch('/sign-in', { cache: 'no-store' })).text(), 'text/html')
      this.csrf = page.querySelector('input[name=csrf]')?.value ?? this.csrf
    } catch (error) {
      throw new NoNetwork(String(error?.message ?? error))
    }
    const session = await this.call('POST', '/api/v1/session', { login, password })
    this.csrf = session.csrf
    return session
  }

  keepKeys(keys) {
    return this.call('PUT', '/api/v1/me/keys', { keys })
  }

  async call(method, address, body) {
    const giveUp = new AbortController()
    const timer = setTimeout(() => giveUp.abort(), PATIENCE_MS)
    try {
      const response = await fetch(address, {
        method,
        signal: giveUp.signal,
        credentials: 'same-origin',
        cache: 'no-store',
        redirect: 'error',
        headers: { Accept: 'application/json', 'X-CSRF-Token': this.csrf, ...(body && { 'Content-Type': 'application/json' }) },
        body: body && JSON.stringify(body),
      })
      const answer = await response.json()
      if (response.ok) return answer
      if (!answer?.error) throw new NoNetwork(`status ${response.status} from something that is not siming`)
      throw new ApiError(response.status, answer.error, Number(response.headers.get('Retry-After')) || null)
    } catch (error) {
      if (error instanceof ApiError || error instanceof NoNetwork) throw error
      throw new NoNetwork(String(error?.message ?? error))
    } finally {
      clearTimeout(timer)
    }
  }
}
