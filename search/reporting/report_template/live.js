// Fills the page. Served with ?live by `zoo demo RUN`, it follows the search, which rewrites this file after every epoch.
// The server also says whether the search is running.

/** The parts that depend on the run, still empty. */
const PARTS = ['main', '#dock']
const empty = PARTS.map((part) => document.querySelector(part).cloneNode(true))
let shown = byId('run').textContent
let source = null
let now = null

build()
document.body.dataset.ready = 'true'
if (new URLSearchParams(location.search).has('live') && !run.finished) followSearch()

function followSearch() {
  source = new EventSource('events')
  source.addEventListener('error', () => say('The connection to zoo demo is lost; trying again.'))
  source.addEventListener('message', async ({ data }) => {
    now = JSON.parse(data)
    const text = await newest()
    if (text && text !== shown) update(text)
    else tell()
  })
}

/** The run in the file as it is now, as JSON; null if the server has gone. */
async function newest() {
  const answer = await fetch(location.pathname).catch(() => null)
  if (!answer?.ok) return null
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  return page.getElementById('run').textContent
}

/** Fills the page again, at the newest epoch unless the visitor chose one. */
function update(text) {
  // A slider that is being dragged stays in place.
  if (document.querySelector('#dock :active')) {
    addEventListener('pointerup', () => update(text), { once: true })
    return
  }
  const [playing, focused] = [timer, document.activeElement?.id]
  const open = [...document.querySelectorAll('details[open][id]')].map(({ id }) => id)
  const { scrollX, scrollY } = window
  stop()
  run = JSON.parse(text)
  shown = text
  views.length = 0
  PARTS.forEach((part, at) => document.querySelector(part).replaceWith(empty[at].cloneNode(true)))
  epoch = Math.min(playing ? epoch : wanted ?? usualEpoch(), run.epochs) // a resumed search repeats an unfinished epoch
  build()
  for (const id of open) byId(id).open = true
  if (playing) play()
  if (focused) byId(focused)?.focus({ preventScroll: true })
  scrollTo(scrollX, scrollY)
  if (run.finished) source.close()
  tell()
}

function tell() {
  say(...course())
  byId('live').classList.toggle('halted', !run.finished && now.state !== 'running')
}

/** How the search goes on, in words and commands. */
function course() {
  if (run.finished) return ['The search has finished.']
  if (now.state === 'running') return [`Live: ${run.state}. Every epoch appears here as it finishes.`]
  const before = run.epochs ? `epoch ${run.epochs}` : 'the first epoch'
  if (now.state === 'diverged') return [`Diverged ${run.epochs ? 'after' : 'in'} ${before}: ${now.reason}.`]
  const resume = document.createElement('code')
  resume.textContent = now.resume
  return [`Interrupted ${run.epochs ? 'at' : 'in'} ${before}; `, resume, ' continues it.']
}

function say(...parts) {
  byId('live').replaceChildren(...parts)
}
