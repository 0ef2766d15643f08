-- Tables, indexes, joins, text search by LIKE, blobs, triggers and a vacuum.
create table item (id integer primary key, name text, price real, data blob);
create table sale (id integer primary key, item integer references item, amount integer);
create table log (text text);
create trigger after_sale after insert on sale when new.id % 1000 = 0
begin insert into log values ('sale ' || new.id); end;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into item select i, 'item ' || (i * 7919 % 10007), i * 0.25, zeroblob(i % 500) from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
insert into sale select i, i * 31 % 20000 + 1, i % 17 from n;
create index item_name on item (name);
create index sale_item on sale (item, amount);
select count(*), sum(amount), max(item) from sale;
select name, sum(amount * price) as total from item join sale on sale.item = item.id
group by name order by total desc, name limit 20;
select count(*), sum(length(data)) from item where name like '%99%';
select group_concat(text, ';') from log;
delete from item where id % 3 = 0;
vacuum;
select count(*), sum(length(data)) from item;
pragma integrity_check;
