import Glibc

exit(Teller(Array(CommandLine.arguments.dropFirst())).run())
