// Fills the page with the run, and updates everything with the slider.

let run = JSON.parse(document.getElementById('run').textContent)
const byId = (id) => document.getElementById(id)
const score = run.metric === 'accuracy' ? percent : short
const views = []
let epoch = epochAsked()
let timer = 0

/** Shows the epoch that the visitor chose. */
function go(number) {
  show(number)
  choose(number)
}

/** Shows epoch `number` everywhere. */
function show(number) {
  epoch = number
  byId('epoch').value = epoch
  for (const now of document.querySelectorAll('.now')) now.textContent = epoch
  for (const view of views) view.show(epoch)
}

function headline() {
  byId('title').textContent = run.title
  byId('folder').textContent = run.folder
  byId('state').textContent = run.state
  byId('state').classList.toggle('finished', run.finished)
  for (const [label, value, remark] of run.facts) {
    const fact = add(byId('facts'), 'div')
    add(fact, 'dt', '', label)
    const shown = add(fact, 'dd')
    for (const part of value.split(/(?<=_)/)) shown.append(part, document.createElement('wbr'))
    if (remark) add(fact, 'dd', 'remark', remark)
  }
  for (const [name, value] of run.settings) {
    const pair = add(document.querySelector('.settings'), 'div')
    add(pair, 'dt', '', name.replaceAll('_', ' '))
    add(pair, 'dd', '', value)
  }
  byId('settings').hidden = run.settings.length === 0
  byId('warnings').hidden = run.warnings.length === 0
  // the same warning at consecutive epochs is shown once
  const spans = []
  for (const { epoch, text } of run.warnings) {
    const before = spans.find((one) => one.text === text && one.last >= epoch - 1)
    if (before) before.last = epoch
    else spans.push({ first: epoch, last: epoch, text })
  }
  for (const { first, last, text } of spans) {
    const line = add(byId('warnings').querySelector('ul'), 'li')
    const button = add(line, 'button', '', first === last ? `Epoch ${first}` : `Epochs ${first}–${last}`)
    button.type = 'button'
    button.addEventListener('click', () => go(first))
    add(line, 'span', '', text)
  }
}

// --- the cell -----------------------------------------------------------------------------

function stage(cell) {
  const figure = add(byId('stages'), 'figure', ['recurrent', 'cell', ''].includes(cell.name) ? 'stage wide' : 'stage')
  const width = Math.max(...cell.drawings.map((one) => one.width))
  const height = Math.max(...cell.drawings.map((one) => one.height))
  const pan = add(figure, 'div', 'pan')
  pan.tabIndex = 0
  pan.setAttribute('role', 'group')
  pan.setAttribute('aria-label', `Drawing of the ${cell.heading.toLowerCase()}`)
  const sheet = add(pan, 'div', 'sheet')
  sheet.style.aspectRatio = `${width} / ${height}`
  sheet.style.maxWidth = `${width}px`
  sheet.style.minWidth = `${Math.min(width, cell.name ? 360 : 700)}px` // labels stay readable on a phone
  const image = add(sheet, 'img')
  const changed = add(figure, 'figcaption', 'changed')
  const order = Object.entries(cell.operations).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
  if (order.length) {
    const series = order.map(([name, values]) => ({ name: shortName(name), values, color: colorOf(name) }))
    views.push(chart(figure, { title: 'Its operations over the epochs', whole: true, stacked: true, series }, run, go))
  }
  views.push({
    show(number) {
      const drawing = cell.drawings[cell.drawingAt[number - 1]]
      image.src = `data:image/svg+xml,${encodeURIComponent(drawing.svg)}`
      image.alt = `${cell.heading} at epoch ${number}. ${drawing.words}`
      image.style.width = `${(100 * drawing.width) / width}%`
      changed.replaceChildren(...changes(cell, number))
    },
  })
}

/** Skip connections at the bottom, where their growth shows. */
const rank = (operation) => ['--skip', '--none', '--max', '--average', '--separable', '--separable-large', '--dilated', '--dilated-large', '--convolution'].indexOf(colorOf(operation))

/** Edges of a cell as text, by node. */
function edgesAt(cell, number) {
  const all = cell.drawings[cell.drawingAt[number - 1]].edges
  return all.map(([node, source, operation]) => `${shortName(operation)} on ${edgeName(cell.name, node, source)}`)
}

function difference(cell, number) {
  const [before, now] = [edgesAt(cell, number - 1), edgesAt(cell, number)]
  return { gone: before.filter((edge) => !now.includes(edge)), came: now.filter((edge) => !before.includes(edge)) }
}

/** The changes of a cell since the previous epoch, in words. */
function changes(cell, number) {
  if (number === 1) return ['The first cell.']
  if (cell.drawingAt[number - 1] === cell.drawingAt[number - 2]) {
    let since = number - 1
    while (since > 1 && cell.drawingAt[since - 1] === cell.drawingAt[since - 2]) since--
    return [`Unchanged since epoch ${since}.`]
  }
  const { gone, came } = difference(cell, number)
  if (!came.length) return [`Changed at epoch ${number}.`]
  const bold = document.createElement('b')
  bold.textContent = came.join(', ')
  return ['New: ', bold, `; gone: ${gone.join(', ') || 'nothing'}.`]
}

function genotypeText() {
  const text = byId('genotype')
  views.push({ show: (number) => (text.textContent = run.genotypes[run.genotypeAt[number - 1]]) })
  byId('copy').addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent)
    } catch {
      // a page opened from a file may have no clipboard: select the text instead
      getSelection().selectAllChildren(text)
      return
    }
    byId('copy').textContent = 'Copied'
    setTimeout(() => (byId('copy').textContent = 'Copy'), 1500)
  })
}

// --- curves -------------------------------------------------------------------------------

function curves() {
  const host = byId('curves').querySelector('.charts')
  const { series, cells } = run
  const supernet = run.sharesWeights ? ' of the supernet' : ''
  const show = (options) => {
    options.series = options.series.filter((one) => one.values)
    if (options.series.length) views.push(chart(host, options, run, go))
  }
  const line = (name, values, color, more = {}) => ({ name, values, color, ...more })
  const perCell = (values) => cells.map((cell, at) => line(cell.heading.split(' ')[0].toLowerCase(), values(cell), at ? '--two' : '--one', at ? { dash: '6 4' } : {}))
  const tick = run.metric === 'accuracy' ? (value) => `${+(100 * value).toFixed(1)} %` : short
  const decimals = (value) => value.toFixed(3)
  if (run.sharesWeights) {
    show({ title: `Loss${supernet}`, format: decimals, series: [line('training', series.trainLoss, '--three', { dash: '6 4' }), line('validation', series.validLoss, '--one')] })
    show({ title: `${run.metric === 'accuracy' ? 'Accuracy' : 'Perplexity'}${supernet}`, format: score, tick, series: [line('training', series.train, '--three', { dash: '6 4' }), line('validation', series.valid, '--one')] })
    if (series.discrete) show({ title: 'Discretization gap', format: score, tick, series: [line('supernet', series.valid, '--one'), line('only the cell', series.discrete, '--two', { between: series.valid, dash: '6 4' }), ...(series.gap ? [line('gap', series.gap, '--three', { dash: '2 4' })] : [])] })
    else show({ title: 'Discretization gap', format: score, tick, series: [line('gap', series.gap, '--two')] })
  } else {
    show({ title: `Best ${run.metric} so far`, format: score, tick, series: [line('validation', run.best, '--one')] })
  }
  if (cells.some((cell) => cell.alphas)) {
    const even = Math.log(cells.find((cell) => cell.alphas).alphas.operations.length)
    show({ title: 'Entropy of α, mean over edges (nats)', format: decimals, reference: { value: even, name: 'even mixture' }, series: perCell((cell) => cell.entropy) })
  }
  show({ title: 'Expected latency (ms)', format: decimals, zero: true, series: [line('mixture', series.latency, '--one')] })
  show({ title: cells[0].name === 'recurrent' ? 'Identities in the cell' : 'Skip connections in the cell', whole: true, zero: true, series: perCell((cell) => cell.skips) })
}


// --- tables -------------------------------------------------------------------------------

function table(host, columns, rows) {
  const made = add(host, 'table')
  const head = add(add(made, 'thead'), 'tr')
  for (const column of columns) add(head, 'th', '', column).scope = 'col'
  const body = add(made, 'tbody')
  return rows.map((row) => {
    const line = add(body, 'tr')
    for (const value of row) add(line, 'td', '', value === null || value === undefined ? '–' : `${value}`)
    return line
  })
}

function numbers() {
  const { series, cells } = run
  const columns = [['epoch', run.cost.map((_, at) => at + 1)], [run.unit, run.cost.map((value) => value.toLocaleString('en'))], ['seconds', run.seconds.map((value) => value?.toFixed(1))]]
  const names = { trainLoss: 'training loss', validLoss: 'validation loss', train: `training ${run.metric}`, valid: `validation ${run.metric}`, discrete: `${run.metric} of only the cell`, gap: 'gap', latency: 'expected latency (ms)', learningRate: 'learning rate' }
  for (const [key, name] of Object.entries(names)) if (series[key]) columns.push([name, series[key]])
  for (const cell of cells) {
    const of = cell.name ? ` ${cell.name}` : ''
    if (cell.entropy) columns.push([`entropy${of}`, cell.entropy])
    if (cell.skips) columns.push([`skips${of}`, cell.skips])
  }
  const lines = table(byId('numbers').querySelector('.scroll'), columns.map(([name]) => name), run.cost.map((_, at) => columns.map(([, values]) => values[at])))
  views.push({ show: (number) => lines.forEach((line, at) => line.classList.toggle('here', at === number - 1)) })
  if (!run.candidates.length) return
  byId('evaluated').hidden = false
  table(byId('evaluated').querySelector('.scroll'), ['candidate', 'epoch', run.metric, 'parameters', 'parent', `${run.unit} so far`],
    run.candidates.map((one) => [one.number, one.epoch, one.value, one.parameters?.toLocaleString('en'), one.parent, one.cost.toLocaleString('en')]))
}

function theFront() {
  if (!run.front.length) return
  byId('front').hidden = false
  const names = run.measures.map(([name]) => name)
  const of = new Map(run.candidates.map((one) => [one.number, one]))
  table(byId('front').querySelector('.scroll'), ['candidate', run.metric, ...run.measures.map(([, label]) => label), 'cell'], run.front.map(({ number, genotype }) => {
    const one = of.get(number)
    return [number, score(one.value), ...names.map((name) => one[name]?.toLocaleString('en')), genotype]
  }))
}

// --- the slider ---------------------------------------------------------------------------

function dock() {
  const slider = byId('epoch')
  slider.max = run.epochs
  slider.addEventListener('input', () => {
    stop()
    go(Number(slider.value))
  })
  byId('dock').addEventListener('submit', (event) => event.preventDefault())
  document.querySelector('.of').textContent = `of ${run.epochs}`
  byId('play').addEventListener('click', () => (timer ? pause() : play()))
  byId('play').disabled = run.epochs < 2
  // bars above the slider: the number of edges that changed at an epoch
  const counts = run.cost.map((_, at) => (at ? run.cells.reduce((sum, cell) => sum + (cell.drawingAt[at] !== cell.drawingAt[at - 1] ? Math.max(1, difference(cell, at + 1).came.length) : 0), 0) : 0))
  const most = Math.max(1, ...counts)
  const warned = new Set(run.warnings.map((warning) => warning.epoch))
  counts.forEach((count, at) => {
    const bar = add(byId('changes'), 'span', at + 1 === run.chosen ? 'chosen' : warned.has(at + 1) ? 'warned' : '')
    const high = at + 1 === run.chosen ? 16 : Math.max(warned.has(at + 1) ? 4 : 0, (13 * count) / most)
    bar.style.height = `${high}px`
    bar.style.left = `${run.epochs > 1 ? (100 * at) / (run.epochs - 1) : 50}%`
  })
  const what = run.cells.some((cell) => cell.alphas)
    ? 'The cell that the supernet would give if the search ended here: the strongest edges of every node, the strongest operation of every edge.'
    : 'The best cell so far.'
  byId('cell-lead').textContent = `${what} Bars above the slider count the edges that changed; green marks the chosen epoch, orange a warning.`
  views.push({
    show(number) {
      const value = run.sharesWeights ? run.series.valid?.[number - 1] : run.best[number - 1]
      const parts = []
      if (value !== null && value !== undefined) parts.push(`${run.sharesWeights ? 'validation' : 'best'} ${score(value)}`)
      parts.push(`${short(run.cost[number - 1])} ${run.unit}`)
      if (number === run.chosen) parts.push('chosen')
      byId('readout').textContent = parts.join(' · ')
    },
  })
}

function play() {
  if (epoch === run.epochs) go(1)
  byId('play').textContent = 'Pause'
  byId('play').setAttribute('aria-pressed', 'true')
  timer = setInterval(() => (epoch < run.epochs ? go(epoch + 1) : pause()), Math.max(150, Math.min(800, 12000 / run.epochs)))
}

function pause() {
  stop()
  choose(epoch)
}

function stop() {
  clearInterval(timer)
  timer = 0
  byId('play').textContent = 'Play'
  byId('play').setAttribute('aria-pressed', 'false')
}

/** Fills the empty page with `run`. */
function build() {
  for (const one of run.candidates) Object.assign(one, one.measures)
  headline()
  if (run.epochs) {
    run.cells.forEach(stage)
    genotypeText()
    if (run.candidates.length) {
      byId('search').hidden = false
      const host = byId('search').querySelector('.charts')
      const what = `Validation ${run.metric}`
      views.push(scatter(host, { across: 'cost', title: `${what} against cost`, label: `${run.unit} seen by training` }, run, go))
      if (run.candidates.some((one) => typeof one.parameters === 'number')) {
        views.push(scatter(host, { across: 'parameters', title: `${what} against size`, label: 'parameters' }, run, go))
      }
      const objectives = run.measures.filter(([, , minimized]) => minimized)
      for (const [name, label, minimized] of run.measures) {
        if (name === 'params') continue // drawn above
        const front = minimized ? run.front.map((one) => one.number) : []
        views.push(scatter(host, { across: name, title: `${what} against ${name}`, label, front, joined: objectives.length === 1 }, run, go))
      }
      theFront()
    }
    const weighed = run.cells.filter((cell) => cell.alphas)
    if (weighed.length) {
      byId('weights').hidden = false
      const scale = new Scale(weighed)
      legendOf(byId('scale'), scale, weighed)
      for (const cell of weighed) views.push(weightsOf(byId('tables'), cell, scale, run, go))
    }
    curves()
    numbers()
    dock()
    show(epoch)
  } else {
    byId('empty').hidden = false
    for (const id of ['cell', 'curves', 'dock', 'numbers']) byId(id).hidden = true
  }
}
