internal import Glibc
internal import LinuxWorld
internal import RunnerCommands

exit(RunnerCommands.main(LinuxMachine()))
