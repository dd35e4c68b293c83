package StandIn::Uci::Cli;

# The uci command line.

use strict;
use StandIn::Uci;

my @errors = ('Success', 'Out of memory', 'Invalid argument', 'Entry not found', 'I/O error', 'Parse error',
    'Duplicate entry', 'Unknown error');
my ($uci, $input, $delimiter, $quiet, $merge, $extended, $names, $no_commit, $in_batch, $detail);

my $usage = <<'END';
Usage: uci [<options>] <command> [<arguments>]

Commands:
	batch
	export     [<config>]
	import     [<config>]
	changes    [<config>]
	commit     [<config>]
	add        <config> <section-type>
	add_list   <config>.<section>.<option>=<string>
	del_list   <config>.<section>.<option>=<string>
	show       [<config>[.<section>[.<option>]]]
	get        <config>.<section>[.<option>]
	set        <config>.<section>[.<option>]=<value>
	delete     <config>[.<section>[[.<option>][=<id>]]]
	rename     <config>.<section>[.<option>]=<name>
	revert     <config>[.<section>[.<option>]]
	reorder    <config>.<section>=<position>

Options:
	-c <path>  set the search path for config files (default: /etc/config)
	-C <path>  set the search path for config override files (default: /var/run/uci)
	-d <str>   set the delimiter for list values in uci show
	-f <file>  use <file> as input instead of stdin
	-m         when importing, merge data into an existing package
	-n         name unnamed sections on export (default)
	-N         don't name unnamed sections
	-p <path>  add a search path for config change files
	-P <path>  add a search path for config change files and use as default
	-t <path>  set save path for config change files
	-q         quiet mode (don't print error messages)
	-s         force strict mode (stop on parser errors, default)
	-S         disable strict mode
	-X         do not use extended syntax on 'show'

END

sub main {
    my @arguments = @_;
    $uci = StandIn::Uci->new;
    ($quiet, $merge, $names, $no_commit, $in_batch) = ();
    ($input, $delimiter, $extended, $detail) = (\*STDIN, ' ', 1, '');
    my %flag = (m => sub { $merge = 1 }, n => sub { $names = 1 }, N => sub { $names = 0 }, q => sub { $quiet = 1 },
        s => sub { $uci->{strict} = 1 }, S => sub { $uci->{strict} = 0 }, X => sub { $extended = 0 }, L => sub { });
    my %with = (c => sub { $uci->{confdir} = $_[0] }, C => sub { $uci->{override} = $_[0] }, d => sub { $delimiter = $_[0] },
        f => sub { open $input, '<', $_[0] or die "uci: $!" }, p => sub { $uci->add_path($_[0]) },
        P => sub { $uci->set_savedir($_[0]); $no_commit = 1 }, t => sub { $uci->set_savedir($_[0]) });
    while (@arguments && $arguments[0] =~ /\A-(?=.)/) {
        my $word = substr shift @arguments, 1;
        last if $word eq '-';
        while ($word =~ s/\A(.)//s) {
            my $letter = $1;
            if ($flag{$letter}) { $flag{$letter}->(); next }
            if ($with{$letter}) {
                my $value = $word ne '' ? $word : shift @arguments;
                unless (defined $value) {
                    print STDERR "uci: option requires an argument -- '$letter'\n$usage";
                    return 0;
                }
                if (!eval { $with{$letter}->($value); 1 }) { print STDERR $@ =~ s/ at \S+ line \d+\.\n//r; return 1 }
                last;
            }
            print STDERR "uci: unrecognized option: $letter\n$usage";
            return 0;
        }
    }
    unless (@arguments) { print STDERR $usage; return 0 }
    my $code = run(@arguments);
    print STDERR $usage if $code == 255;
    return $code;
}

# Prints the error. The detail of earlier ones in the same process is repeated: so does uci, which
# never clears its buffer; a batch shows it by its growing number of empty lines.
sub complain {
    my ($error) = @_;
    die $error unless ref $error;
    return if $quiet;
    $detail = " $error->{detail}" if $error->{code} == 5 && defined $error->{detail};
    $detail .= "\n";
    print STDERR "uci: $errors[$error->{code}]$detail";
}

# Runs the code; true when it went well, else the error was printed.
sub attempt {
    my ($code, $error) = @_;
    return 1 if eval { $code->(); 1 };
    $$error = $@->{code} if ref $@ && $error;
    complain($@);
    return 0;
}

my %section_command = (get => 1, set => 1, add_list => 1, del_list => 1, del => 1, delete => 1, ren => 1, rename => 1,
    revert => 1, reorder => 1);
my %package_command = (show => \&show, changes => \&changes, export => \&export, commit => \&commit);

sub run {
    my ($command, @arguments) = @_;
    $command = lc $command;
    $| = 1 if $command eq 'batch';
    return batch() if $command eq 'batch' && !$in_batch;
    return section_command($command, @arguments) if $section_command{$command};
    return package_command($package_command{$command}, @arguments) if $package_command{$command};
    return add(@arguments) if $command eq 'add';
    return import_text(@arguments) if $command eq 'import';
    if ($command eq 'help') { print STDERR $usage; return 0 }
    return 255;
}

sub package_command {
    my ($code, @arguments) = @_;
    return 255 if @arguments > 1;
    return attempt(sub { $code->($uci->lookup($arguments[0])) }) ? 0 : 1 if @arguments;
    for my $name ($uci->packages) {
        attempt(sub { $code->($uci->lookup($name)) });
    }
    return 0;
}

sub section_command {
    my ($command, @arguments) = @_;
    return 255 if @arguments != 1;
    my $at;
    attempt(sub { $at = $uci->lookup($arguments[0]) }) or return 1;
    my $valued = $command =~ /\A(?:set|add_list|del_list|del|delete|ren|rename|reorder)\z/;
    return 1 if defined $at->{value} && !$valued;
    return 1 if $command =~ /\Adel(?:ete)?\z/ && defined $at->{value} && $at->{value} !~ /\A\s*[-+]?\d/;
    return attempt(sub {
        if ($command eq 'get') { return get($at) }
        if ($command eq 'revert') { return $uci->revert($at) }
        if ($command eq 'set') { StandIn::Uci::set($at) }
        elsif ($command eq 'add_list') { StandIn::Uci::add_list($at) }
        elsif ($command eq 'del_list') { StandIn::Uci::del_list($at) }
        elsif ($command =~ /\Adel/) { StandIn::Uci::delete_entry($at) }
        elsif ($command =~ /\Aren/) { StandIn::Uci::rename_entry($at) }
        else {
            StandIn::Uci::fail(3) unless $at->{s} && defined $at->{value};
            StandIn::Uci::reorder($at);
        }
        $uci->save($at->{p});
    }) ? 0 : 1;
}

sub get {
    my ($at) = @_;
    StandIn::Uci::fail(3) unless $at->{complete};
    if ($at->{o}) { print value_text($at->{o}{value}, 0) }
    elsif ($at->{s}) { print "$at->{s}{type}\n" }
}

sub value_text {
    my ($value, $quoted) = @_;
    return ($quoted ? StandIn::Uci::quote($value) : $value) . "\n" unless ref $value;
    return join($delimiter, map { $quoted || /[ \t\r\n]/ ? StandIn::Uci::quote($_) : $_ } @$value) . "\n";
}

sub show {
    my ($at) = @_;
    StandIn::Uci::fail(3) unless $at->{complete};
    my $package = $at->{p}{name};
    if ($at->{o}) { print "$package.$at->{s}{name}.$at->{o}{name}=", value_text($at->{o}{value}, 1); return }
    if ($at->{s}) { show_section($package, $at->{s}, $at->{s}{name}); return }
    my %seen;
    for my $section (@{ $at->{p}{sections} }) {
        my $index = $seen{ $section->{type} }++ || 0;
        my $anonymous = $section->{anonymous} && $extended;
        show_section($package, $section, $anonymous ? '@' . $section->{type} . "[$index]" : $section->{name});
    }
}

sub show_section {
    my ($package, $section, $reference) = @_;
    print "$package.$reference=$section->{type}\n";
    print "$package.$reference.$_->{name}=", value_text($_->{value}, 1) for @{ $section->{options} };
}

sub changes {
    my ($at) = @_;
    for my $change (@{ $at->{p}{saved} }) {
        my $removal = $change->{sign} eq '-';
        my $path = join '.', $at->{p}{name}, grep { defined } @$change{qw(section option)};
        my $operator = { '|' => '+=', '~' => '-=' }->{ $change->{sign} } // '=';
        print $removal ? "-$path\n" : "$path$operator" . StandIn::Uci::quote($change->{value}) . "\n";
    }
}

sub export { my ($at) = @_; print StandIn::Uci::text($at->{p}, header => 1, names => $names) }

sub commit { my ($at) = @_; $uci->commit($at->{p}{name}) unless $no_commit }

sub add {
    return 255 if @_ != 2;
    my ($name, $type) = @_;
    my $error = 0;
    attempt(sub {
        my $package = $uci->load($name);
        StandIn::Uci::fail(2) unless $type =~ /\A[!-~]+\z/;
        my $section = StandIn::Uci::add_section($package, $type, undef, 1);
        $uci->save($package);
        print "$section->{name}\n";
    }, \$error);
    return $error;
}

sub import_text {
    my ($name) = @_;
    return 255 if @_ > 1 || ($merge && !@_);
    my ($into, @packages);
    if ($merge && ($into = $uci->try($name))) {
        return attempt(sub { $uci->parse($input, $name, into => $into); $uci->save($into) }) ? 0 : 1;
    }
    return attempt(sub {
        my %how = defined $name ? () : (switch => sub { push @packages, StandIn::Uci::package_named($_[0]); $packages[-1] });
        my $package = $uci->parse($input, $name, %how);
        $uci->replace($_) for defined $name ? $package : @packages;
    }) ? 0 : 1;
}

# Lines of up to three words. Bad ones are reported and skipped; the code is always 0.
sub batch {
    $in_batch = $uci->{batch} = 1;
    my $in = StandIn::Uci::source($input);
    my $loads = $uci->{loads} // 0;
    until (eof $input) {
        $in->{line} = 0 if ($uci->{loads} // 0) != $loads;    # libuci starts counting anew after a load
        $loads = $uci->{loads} // 0;
        StandIn::Uci::next_line($in, 0);
        my (@words, $word);
        attempt(sub { push @words, $word while ($word = StandIn::Uci::word($in)) ne '' && @words < 4 }) or next;
        if (@words > 3) { print STDERR "Too many arguments\n" unless $quiet; next }
        next unless @words;
        last if lc $words[0] eq 'exit';
        print STDERR "Unknown command\n" if run(@words) == 255 && !$quiet;
    }
    $in_batch = 0;
    return 0;
}

1;
