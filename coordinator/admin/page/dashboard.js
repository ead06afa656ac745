// The dashboard: hears /api/events and redraws what has changed. No request leaves this origin.
'use strict';

const kShownRounds = 400;  // of the plots
const kListedRounds = 30;
const kListedParticipants = 200;

const at = (id) => document.getElementById(id);
const rounds = new Map();  // number -> record
let status = null;
let participants = [];

// ---------------------------------------------------------------- words

const percent = (x) => (x == null ? '–' : (100 * x).toFixed(2) + ' %');
const figure = (x) => (x == null ? '–' : x.toFixed(4));
function bytes(x) {
  if (x == null) return '–';
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (x < 1000) return (unit === 'B' || x >= 100 ? Math.round(x) : x.toPrecision(3)) + ' ' + unit;
    x /= 1000;
  }
  return x.toPrecision(3) + ' TB';
}
function time(s) {
  if (s == null) return '–';
  if (s < 0.001) return Math.round(s * 1e6) + ' µs';
  if (s < 1) return Math.round(s * 1000) + ' ms';
  return s < 60 ? s.toFixed(2) + ' s' : Math.floor(s / 60) + ' m ' + Math.round(s % 60) + ' s';
}
const count = (n, one, many) => n + ' ' + (n === 1 ? one : many || one + 's');
const sum = (object) => Object.values(object || {}).reduce((a, b) => a + b, 0);
const reasons = (refused) => Object.entries(refused || {}).map(([why, n]) => n + ' ' + why).join(', ');
function say(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

// ---------------------------------------------------------------- plots

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let charts = [];
// On an axis: no more digits than it takes.
const ticks = new Map([[percent, (v) => +(100 * v).toFixed(1) + ' %'], [figure, (v) => String(+v.toPrecision(3))]]);

// One plot: its series are [name, colour variable, value of a record, axis].
function plot(id, title, format, series, more = {}) {
  const bars = more.bars === true;
  const axis = (side, show) => ({
    position: side, stacked: bars, beginAtZero: more.fromZero !== false, grid: { drawOnChartArea: side === 'left' },
    ticks: { callback: (v) => (ticks.get(show) || show)(v), maxTicksLimit: 6, color: colour('--soft') },
    border: { display: false },
  });
  const axis_of = (side, show) => {
    const made = axis(side, show);
    made.grid.color = made.grid.borderColor = colour('--line');
    return made;
  };
  const chart = new Chart(at(id), {
    type: bars ? 'bar' : 'line',
    data: { labels: [], datasets: series.map(([name, variable, , side]) => ({
      label: name, data: [], borderColor: colour(variable), backgroundColor: colour(variable), yAxisID: side || 'y', borderWidth: bars ? 0 : 2, pointRadius: 0, pointHitRadius: 12,
      tension: 0, spanGaps: true, barPercentage: 1, categoryPercentage: 0.86,
    })) },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, normalized: true,
      interaction: { mode: 'index', intersect: false },
      plugins: {
        legend: { align: 'start', labels: { boxWidth: 11, boxHeight: 11, color: colour('--soft') } },
        tooltip: { backgroundColor: colour('--ink'), titleColor: colour('--page'), bodyColor: colour('--page'), padding: 9,
          cornerRadius: 7, callbacks: {
          title: (items) => 'round ' + items[0].label,
          label: (item) => ' ' + item.dataset.label + '  ' + (item.dataset.yAxisID === 'share' ? percent : format)(item.raw),
        } },
      },
      scales: {
        x: { stacked: bars, grid: { display: false, borderColor: colour('--line') },
          ticks: { maxTicksLimit: 9, maxRotation: 0, color: colour('--soft') } },
        y: axis_of('left', format),
        ...(more.share ? { share: { ...axis_of('right', percent), min: 0, max: 1 } } : {}),
      },
    },
  });
  charts.push({ chart, id, title, format, series });
}

// In the colours of the scheme in force: anew when that changes.
function make_plots() {
  for (const { chart } of charts) chart.destroy();
  charts = [];
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  const quality = (model, what) => (r) => (r[model] ? r[model][what] : null);
  const phase = (name) => (r) => r.seconds[name] || null;
  plot('accuracy', 'Accuracy', percent, [['global', '--c1', quality('global', 'accuracy')],
    ['edge copy', '--c2', quality('edge', 'accuracy')]], { fromZero: false });
  plot('loss', 'Loss', figure, [['global', '--c1', quality('global', 'loss')],
    ['edge copy', '--c2', quality('edge', 'loss')], ['training', '--c3', (r) => (r.accepted > 0 ? r.train_loss : null)]]);
  plot('traffic', 'Bytes', bytes, [['down', '--c1', (r) => r.bytes_down], ['up', '--c2', (r) => r.bytes_up]], { bars: true });
  plot('phases', 'Time by phase', time, [['train', '--c2', phase('train')], ['evaluate', '--c3', phase('evaluate')],
    ['fold', '--c4', phase('fold')], ['encode', '--c5', phase('encode')], ['decode', '--c6', phase('decode')]], { bars: true });
  plot('cohort', 'Updates', (v) => String(Math.round(v)), [['accepted', '--c3', (r) => r.accepted],
    ['not counted', '--c6', (r) => sum(r.refused)]], { bars: true });
  plot('edge', 'Edge copy', bytes, [['size', '--c2', (r) => (r.published ? r.edge_bytes : null)],
    ['zeros', '--c5', (r) => (r.published ? r.edge_sparsity : null), 'share']], { share: true });
}

function draw_plots(list) {
  const shown = list.slice(-kShownRounds);
  for (const { chart, id, title, format, series } of charts) {
    chart.data.labels = shown.map((r) => r.round);
    series.forEach(([, , value], i) => { chart.data.datasets[i].data = shown.map(value); });
    chart.update('none');
    const last = shown[shown.length - 1];
    const words = last ? series.map(([name, , value, side]) => {
      const v = value(last);
      return name + ' ' + (v == null ? 'not measured' : (side === 'share' ? percent : format)(v));
    }).join(', ') : 'no round yet';
    at(id).setAttribute('aria-label', title + (last ? ' in round ' + last.round : '') + ': ' + words);
  }
}

// ---------------------------------------------------------------- numbers and tables

function draw_status() {
  const s = status;
  say('federation', s.federation);
  document.title = (s.round ? 'round ' + s.round + ' – ' : '') + s.federation + ' – Tributary';
  say('model', s.model + ', ' + s.parameters.toLocaleString('en') + ' parameters, at ' + s.address);
  const pill = at('state');
  pill.className = 'pill ' + s.state;
  say('state', s.state);
  const done = s.published + s.aborted;
  say('round', s.state === 'ended' ? 'ended: ' + s.ended
    : s.round ? 'Round ' + s.round + (s.rounds ? ' of ' + s.rounds : '')
    : s.paused ? 'Paused after round ' + done : 'Waiting for participants');
  say('progress-text', s.round ? s.arrived + ' of ' + count(s.goal, 'update') : '');
  at('progress').max = Math.max(s.goal, 1);
  at('progress').value = s.state === 'ended' ? Math.max(s.goal, 1) : s.round ? s.arrived : 0;
  say('rounds-done', String(s.published));
  say('rounds-more', s.aborted ? count(s.aborted, 'more', 'more') + ' given up' : s.rounds ? 'of ' + s.rounds : 'published');
  say('updates', s.accepted.toLocaleString('en'));
  const refused = sum(s.refused);
  say('updates-more', refused ? refused + ' not counted: ' + reasons(s.refused) : 'all counted');
  say('bytes', bytes(s.bytes_down + s.bytes_up));
  say('bytes-more', bytes(s.bytes_down) + ' down, ' + bytes(s.bytes_up) + ' up');
  say('connected', String(s.connected));
  say('connected-more', s.known > s.connected ? count(s.known - s.connected, 'more', 'more') + ' away' : 'connected');
  say('note', s.checkpoint);
  at('pause').disabled = at('checkpoint').disabled = s.state === 'ended';
  say('pause', s.paused ? 'Resume' : 'Pause');
}

function draw_rounds() {
  if (!status) return;
  const list = [...rounds.values()].sort((a, b) => a.round - b.round);
  draw_plots(list);
  const measured = list.filter((r) => r.edge && r.global).pop();
  if (measured) {
    say('edge-accuracy', percent(measured.edge.accuracy));
    say('edge-more', 'loss ' + figure(measured.edge.loss) + ', round ' + measured.round);
    say('global-accuracy', percent(measured.global.accuracy));
    const gap = 100 * (measured.global.accuracy - measured.edge.accuracy);
    say('global-more', Math.abs(gap).toFixed(2) + ' points ' + (gap >= 0 ? 'above' : 'below') + ' the edge copy');
  }
  const last = list[list.length - 1];
  if (!last) return;
  const times = list.slice(-20).map((r) => r.seconds.round).sort((a, b) => a - b);
  say('round-time', time(last.seconds.round));
  say('round-time-more', 'median of the last ' + times.length + ': ' + time(times[times.length >> 1]));
  say('edge-size', bytes(last.edge_bytes));
  const times_smaller = 4 * status.parameters / last.edge_bytes;
  say('edge-size-more', times_smaller.toFixed(1) + ' times smaller than float32, ' + percent(last.edge_sparsity) + ' zeros');
  fill('rounds', list.slice(-kListedRounds).reverse(), (r) => ({
    classes: r.published ? '' : 'aborted',
    cells: [r.round, r.accepted + ' / ' + r.selected, percent(r.global && r.global.accuracy), percent(r.edge && r.edge.accuracy),
      r.accepted > 0 ? figure(r.train_loss) : '–', bytes(r.bytes_down), bytes(r.bytes_up), time(r.seconds.round),
      { text: r.model_digest.slice(0, 10), classes: 'code' },
      { text: (r.published ? '' : 'given up; ') + reasons(r.refused), classes: 'why' }],
  }));
}

function draw_participants() {
  const wanted = at('filter').value.trim().toLowerCase();
  const order = { refused: 0, contributing: 1, connected: 2, away: 3 };
  const found = participants.filter((p) => !wanted || p.name.toLowerCase().includes(wanted) || p.state.startsWith(wanted));
  found.sort((a, b) => order[a.state] - order[b.state] || a.name.localeCompare(b.name));
  fill('participants', found.slice(0, kListedParticipants), (p) => ({
    cells: [{ text: p.name }, { text: p.state, dot: p.state }, p.last_round || '–', p.examples || '–', p.accepted, p.refusals,
      { text: p.refused, classes: 'why' }],
  }));
  say('participants-more', found.length > kListedParticipants ? 'the first ' + kListedParticipants + ' of ' + found.length : '');
}

// Rows of a table body; text is never taken as HTML.
function fill(id, items, row_of) {
  if (items.length === 0) return;
  const rows = items.map((item) => {
    const { cells, classes } = row_of(item);
    const row = document.createElement('tr');
    row.className = classes || '';
    for (const cell of cells) {
      const td = document.createElement('td');
      if (cell && cell.dot) {
        const dot = document.createElement('span');
        dot.className = 'dot ' + cell.dot;
        td.append(dot);
      }
      td.append(cell !== null && typeof cell === 'object' ? cell.text : String(cell));
      if (cell && cell.classes) td.className = cell.classes;
      row.append(td);
    }
    return row;
  });
  at(id).replaceChildren(...rows);
}

// ---------------------------------------------------------------- the line

async function command(name, body) {
  const answer = await fetch('/api/' + name, { method: 'POST', headers: { 'X-Tributary': '1' }, body: body || '' });
  if (!answer.ok) throw new Error((await answer.json()).error);
}

function listen() {
  const events = new EventSource('/api/events');
  events.addEventListener('status', (e) => { status = JSON.parse(e.data); draw_status(); });
  events.addEventListener('participants', (e) => { participants = JSON.parse(e.data); draw_participants(); });
  events.addEventListener('rounds', (e) => {
    for (const record of JSON.parse(e.data)) rounds.set(record.round, record);
    draw_rounds();
  });
  events.onerror = () => {
    at('state').className = 'pill lost';
    say('state', 'no connection');
    at('pause').disabled = at('checkpoint').disabled = true;
    if (events.readyState === EventSource.CLOSED) setTimeout(begin, 2000);
  };
}

async function begin() {
  let answer;
  try {
    answer = await fetch('/api/status');
  } catch {
    setTimeout(begin, 2000);
    return;
  }
  at('login').hidden = answer.status !== 401;
  if (answer.ok) listen();
}

at('pause').addEventListener('click', () => command(status.paused ? 'resume' : 'pause').catch((e) => say('note', e.message)));
at('checkpoint').addEventListener('click', () => command('checkpoint').catch((e) => say('note', e.message)));
at('filter').addEventListener('input', draw_participants);
at('login').addEventListener('submit', (event) => {
  event.preventDefault();
  command('login', at('token').value).then(begin, (e) => say('login-said', e.message));
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { make_plots(); draw_rounds(); });
make_plots();
begin();
