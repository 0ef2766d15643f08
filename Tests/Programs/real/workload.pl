# Hashes, lists, strings, sorting and regular expressions, in children too; prints one checksum.
use strict;
use warnings;

sub work {
    my ($salt) = @_;
    my %table;
    for my $i (1 .. 40000) {
        $table{"key " . ($i * 7919 % 30011)} .= join(",", ($i) x ($i % 9 + $salt));
    }
    my $text = join("\n", map { "$_=$table{$_}" } sort keys %table);
    $text =~ s/(\d+),\1/<$1>/g;
    my @words = sort { length($a) <=> length($b) || $a cmp $b } split(/[\s,=]+/, $text);
    my $sum = unpack("%32C*", join("|", @words));
    return $sum;
}

my @readers;
for my $salt (1 .. 3) {
    my $process = open(my $reader, "-|") // die "fork: $!";
    if ($process == 0) {
        print work($salt), "\n";
        exit(0);
    }
    push @readers, $reader;
}
print work(0), "\n";
for my $reader (@readers) {
    print <$reader>;
    close($reader) or die "a child failed: $?";
}
