// Node: a step goes through a file that is watched, two worker threads and a child.
const fs = require('fs')
const { spawn } = require('child_process')
const { Worker } = require('worker_threads')

const answer = "const { parentPort } = require('worker_threads'); parentPort.on('message', m => parentPort.postMessage(m))"
const workers = [0, 1].map(() => new Worker(answer, { eval: true }))
const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
const timer = setInterval(() => { beats++ }, 2)
let beats = 0, before = 0, n = 0

fs.writeFileSync('watched', '')
fs.watch('.', (_, name) => {
  // One change is told more than once: only the first of each step counts.
  if (name !== 'watched' || fs.readFileSync('watched', 'utf8') !== String(n) || told === n) return
  told = n
  clearTimeout(again)
  workers[n % 2].postMessage(n)
})
let told = 0
let again

for (const worker of workers) worker.on('message', m => child.stdin.write(m + '\n'))
child.stdout.on('data', text => {
  if (Number(text) !== n) throw new Error('an answer to another step: ' + text)
  console.log(n)
  setTimeout(step, 5)
})

function step () {
  if (n > 0 && beats === before) return setTimeout(step, 1)
  before = beats
  n++
  change()
}

function change () {
  fs.writeFileSync('watched', String(n))
  again = setTimeout(change, 200) // what was not read at the cut is lost in a restore
}
step()
