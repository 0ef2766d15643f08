/* What glibc's tests take from headers of its own that the system does not have. */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define TIMEOUTFACTOR 1
#define SRCDIR_PATH "."
#define OBJDIR_PATH "."
#define OBJDIR_ELF_LDSO_PATH ""
#define INSTDIR_PATH ""
#define LIBDIR_PATH ""
#define BINDIR_PATH ""
#define SBINDIR_PATH ""
#define ROOTSBINDIR_PATH ""
#define COMPLOCALEDIR_PATH ""
#define SYSCONFDIR_PATH ""
#define SLIBDIR_PATH ""
#define DEFAULT_STACK_PERMS (PF_R | PF_W)
#define libc_hidden_proto(name)
#define libc_hidden_def(name)
#define attribute_hidden
#define __set_errno(number) (errno = (number))
#define __always_inline inline __attribute__((always_inline))
#define __glibc_likely(condition) __builtin_expect((condition), 1)
#define __glibc_unlikely(condition) __builtin_expect((condition), 0)
