// Fills the page. Served with ?live by `zoo demo RUN`, it follows the search, which rewrites this file after every epoch.

/** The parts that depend on the run, still empty. */
const PARTS = ['header', 'main', '#dock']
const empty = PARTS.map((part) => document.querySelector(part).cloneNode(true))
let shown = byId('run').textContent
let source = null

build()
document.body.dataset.ready = 'true'
if (location.search === '?live' && !run.finished) followSearch()

function followSearch() {
  source = new EventSource('events')
  source.addEventListener('open', () => say(`Live: this page shows every epoch as it finishes. Now: ${run.state}.`))
  source.addEventListener('error', () => say('The connection to zoo demo is lost; trying again.'))
  source.addEventListener('message', async () => {
    const text = await newest()
    if (text && text !== shown) update(text)
  })
}

/** The run in the file as it is now, as JSON; null if the server has gone. */
async function newest() {
  const answer = await fetch(location.pathname).catch(() => null)
  if (!answer?.ok) return null
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  return page.getElementById('run').textContent
}

/** Fills the page again. Whoever looks at the last epoch sees the new one; others stay at theirs. */
function update(text) {
  // A slider that is being dragged stays in place.
  if (document.querySelector('#dock :active')) {
    addEventListener('pointerup', () => update(text), { once: true })
    return
  }
  const last = epoch === run.epochs
  const [playing, focused] = [timer, document.activeElement?.id]
  const open = [...document.querySelectorAll('details[open][id]')].map(({ id }) => id)
  const { scrollX, scrollY } = window
  stop()
  run = JSON.parse(text)
  shown = text
  views.length = 0
  PARTS.forEach((part, at) => document.querySelector(part).replaceWith(empty[at].cloneNode(true)))
  if (last) epoch = run.chosen || run.epochs
  build()
  for (const id of open) byId(id).open = true
  if (playing) play()
  if (focused) byId(focused)?.focus({ preventScroll: true })
  scrollTo(scrollX, scrollY)
  if (run.finished) source.close()
  say(run.finished ? 'The search has finished.' : `Live: ${run.state}.`)
}

function say(text) {
  byId('live').textContent = text
}
