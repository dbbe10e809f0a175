// A supervisor that does nothing but supervise, for tests that must kill one and for measuring. Usage:
//   sandbox-driver supervise RUNTIME INIT PLAN.json    launches, tells the news on standard output, a line each, till `vanished`
//   sandbox-driver measure COUNT RUNTIME INIT PLAN.json    launches COUNT times; prints the median and worst milliseconds of each step,
//       and how many descriptors and children it has more than before
//   sandbox-driver probe INIT    what this host allows, and the milliseconds it took to find out
//   sandbox-driver churn STORE WORKSPACE    commits, rolls back and removes versions until it is killed, a line each
//   sandbox-driver knock SOCKET    connects as a supervisor would and tells what it gets: `refused`, `hello`, `closed` or an errno
//   sandbox-driver visit SOCKET    connects as an agent would, tells `in` or an errno, and stays until it is shown out

run(Array(CommandLine.arguments.dropFirst()))
